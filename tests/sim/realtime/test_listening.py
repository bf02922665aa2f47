"""The input buffer keeps what was not committed and counts everything that came."""

import pytest

from gateway.sim.realtime.errors import ClientFault
from gateway.sim.realtime.formats import PCM, PCMA, PCMU
from gateway.sim.realtime.listening import Listener
from gateway.sim.realtime.vad import VadEvent, VadSettings
from tests.sim.realtime.harness import silence, tone


def listener(settings: VadSettings | None = None) -> Listener:
    it = Listener()
    it.set_format(PCMU)
    it.set_vad(settings)
    return it


def test_settings_change_without_losing_the_grid() -> None:
    """Detection that is switched on late still counts from the session's beginning."""
    listener = Listener()
    listener.set_format(PCMU)
    assert list(listener.append(silence(1010))) == []
    listener.set_vad(VadSettings(prefix_padding_ms=0))
    events = list(listener.append(silence(494) + tone(640) + silence(640)))
    assert events == [VadEvent("started", 1504), VadEvent("stopped", 1504 + 640 + 224)]


def test_the_clock_goes_on_over_a_change_of_format() -> None:
    """Milliseconds of all formats add up; a clear does not reset them."""
    listener = Listener()
    list(listener.append(bytes(PCM.bytes_of(640))))
    listener.set_format(PCMA)
    list(listener.append(PCMA.from_payload(silence(320))))
    listener.clear()
    assert listener.clock_ms == 960


def test_a_piece_is_taken_by_time() -> None:
    """What lies before it is dropped, what lies behind it stays."""
    it = listener()
    list(it.append(bytes(8 * 100) + b"\x01" * 8 * 50 + b"\x02" * 8 * 30))
    assert it.take(100, 150) == b"\x01" * 400
    assert it.buffered_ms == 30
    assert it.take(0, 160) == b"\x02" * 80
    assert it.take(500, 600) == b""
    assert (it.buffered_ms, it.clock_ms) == (0, 180)


def test_a_commit_needs_a_tenth_of_a_second() -> None:
    """Less is refused with the length that is there, and stays there."""
    it = listener()
    list(it.append(bytes(799)))
    with pytest.raises(ClientFault, match=r"buffer only has 99\.88ms of audio"):
        it.take_all()
    list(it.append(bytes(1)))
    assert it.take_all() == bytes(800)
    assert it.buffered_ms == 0


def test_quiet_is_not_kept_for_ever() -> None:
    """While a detector waits, only the last minute is remembered; without one, everything."""
    waiting, manual = listener(VadSettings()), listener()
    for _ in range(70):
        list(waiting.append(silence(1000)))
        list(manual.append(silence(1000)))
    assert 60_000 <= waiting.buffered_ms <= 62_000
    assert manual.buffered_ms == 70_000
    assert waiting.clock_ms == manual.clock_ms == 70_000


def test_a_new_format_drops_what_is_buffered() -> None:
    """Bytes of two formats are never mixed."""
    it = listener()
    list(it.append(silence(500)))
    it.set_format(PCM)
    assert it.buffered_ms == 0
    assert it.clock_ms == 500
