"""The energy detector is exact on bursts in noise and on recorded callers."""

import pytest

from gateway.core.g711 import audioop
from gateway.sim.realtime.formats import FORMATS, PCMU, AudioFormat
from gateway.sim.realtime.listening import Listener
from gateway.sim.realtime.vad import VadEvent, VadSettings
from tests import fixtures
from tests.sim.realtime.harness import noise, silence, tone

FRAME = 32


def heard(
    payload: bytes, settings: VadSettings, form: AudioFormat = PCMU, chunk: int = 160
) -> list[VadEvent]:
    """What the detector makes of mu-law audio, appended in chunks of its format."""
    listener = Listener()
    listener.set_format(form)
    listener.set_vad(settings)
    data = form.from_payload(payload)
    chunks = (data[n : n + chunk] for n in range(0, len(data), chunk))
    return [event for part in chunks for event in listener.append(part)]


def mixed(payload: bytes, background: bytes) -> bytes:
    """Two mu-law sounds at once."""
    length = min(len(payload), len(background))
    first = audioop.ulaw2lin(payload[:length], 2)
    return audioop.lin2ulaw(audioop.add(first, audioop.ulaw2lin(background[:length], 2), 2), 2)


@pytest.mark.parametrize("form", FORMATS.values(), ids=list(FORMATS))
@pytest.mark.parametrize("onset_frames", [10, 41, 48])
def test_values_lie_on_the_grid_as_captured(form: AudioFormat, onset_frames: int) -> None:
    """Start is the onset less the padding; end includes the silence; both fit the 32 ms grid."""
    onset, length = onset_frames * FRAME, 25 * FRAME
    payload = silence(onset) + tone(length) + silence(1000)
    settings = VadSettings(prefix_padding_ms=300, quiet_ms=200)
    quiet = 7 * FRAME  # the first multiple of the grid from 200 ms on
    assert heard(payload, settings, form) == [
        VadEvent("started", onset - 300),
        VadEvent("stopped", onset + length + quiet),
    ]


@pytest.mark.parametrize("offset_ms", [0, 7, 13, 21, 31])
@pytest.mark.parametrize("noise_dbfs", [-60, -50, -45])
def test_bursts_in_noise_are_found_within_a_frame(offset_ms: int, noise_dbfs: float) -> None:
    """Three bursts of 20 ms resolution in steady noise: every edge within one frame."""
    edges = [(600 + offset_ms, 1100), (1900 + offset_ms, 2500), (3300 + offset_ms, 4400)]
    payload, at = b"", 0
    for start, end in edges:
        payload += silence(start - at) + tone(end - start)
        at = end
    payload = mixed(payload + silence(1000), noise(at + 1000, noise_dbfs))
    events = heard(payload, VadSettings(prefix_padding_ms=0, quiet_ms=320))
    assert [event.kind for event in events] == ["started", "stopped"] * 3
    for (start, end), begun, done in zip(edges, events[::2], events[1::2], strict=True):
        assert abs(begun.at_ms - start) <= FRAME
        assert abs(done.at_ms - 320 - end) <= FRAME


def test_chunk_sizes_do_not_matter() -> None:
    """One big append and many odd ones give the same events."""
    payload = silence(500) + tone(700) + silence(700) + tone(400) + silence(700)
    settings = VadSettings()
    whole = heard(payload, settings, chunk=len(payload))
    assert len(whole) == 4
    assert whole == heard(payload, settings, chunk=37) == heard(payload, settings, chunk=160)


def test_start_is_clamped_at_the_beginning() -> None:
    """Speech in the first moment starts at 0, not before."""
    assert heard(tone(500), VadSettings()) == [VadEvent("started", 0)]


def test_a_click_is_not_speech() -> None:
    """A single loud frame begins nothing."""
    assert heard(silence(320) + tone(FRAME) + silence(1000), VadSettings()) == []


def test_a_short_pause_does_not_end_speech() -> None:
    """Quiet below silence_duration_ms keeps the turn open."""
    payload = silence(320) + tone(640) + silence(384) + tone(640) + silence(1000)
    assert len(heard(payload, VadSettings(quiet_ms=500))) == 2
    assert len(heard(payload, VadSettings(quiet_ms=300))) == 4


def test_a_higher_threshold_needs_a_louder_voice() -> None:
    """A soft tone is speech at 0.2 and at 0.5, not at 0.9."""
    payload = silence(320) + tone(640, dbfs=-34) + silence(1000)
    assert heard(payload, VadSettings(threshold=0.2))
    assert heard(payload, VadSettings(threshold=0.5))
    assert heard(payload, VadSettings(threshold=0.9)) == []


def test_steady_noise_is_never_speech() -> None:
    """A noisy line without a caller stays silent, from its first frame on."""
    for dbfs in (-60, -50, -40, -36):
        assert heard(noise(4000, dbfs), VadSettings()) == []


def test_noise_that_sets_in_ends_by_itself() -> None:
    """Loud noise may be taken for speech at first, but not for ever."""
    events = heard(silence(1000) + noise(5000, -32), VadSettings())
    assert [event.kind for event in events] in ([], ["started", "stopped"])


@pytest.mark.parametrize(("eagerness", "quiet"), [("high", 250), ("auto", 500), ("low", 1000)])
def test_semantic_detection_waits_by_eagerness(eagerness: str, quiet: int) -> None:
    """The pause that ends a turn grows as eagerness falls; values are multiples of 40."""
    settings = VadSettings.of({"type": "semantic_vad", "eagerness": eagerness})
    payload = silence(400) + tone(800) + silence(2000)
    started, stopped = heard(payload, settings)
    assert started.at_ms == 100
    assert stopped.at_ms % 40 == 0
    assert quiet <= stopped.at_ms - 1200 < quiet + 40


def test_semantic_detection_lets_a_hesitant_caller_go_on() -> None:
    """After next to nothing ("um") it waits the whole maximum of the eagerness."""
    settings = VadSettings.of({"type": "semantic_vad", "eagerness": "high"})
    payload = silence(400) + tone(160) + silence(1500) + tone(600) + silence(1000)
    assert [event.kind for event in heard(payload, settings)] == ["started", "stopped"]
    alone = heard(silence(400) + tone(160) + silence(2500), settings)
    assert alone[-1] == VadEvent("stopped", 560 + 2000)


RECORDED = [name for name in fixtures.names() if fixtures.truth_of(name).speech]


@pytest.mark.parametrize("name", RECORDED)
def test_recorded_callers_are_heard_where_they_speak(name: str) -> None:
    """Each stretch of speech is found, its edges within 100 ms, with default settings."""
    truth = fixtures.truth_of(name)
    events = heard(
        fixtures.payload_of(name) + silence(1000), VadSettings(prefix_padding_ms=0, quiet_ms=320)
    )
    assert len(events) == 2 * len(truth.speech)
    for span, begun, done in zip(truth.speech, events[::2], events[1::2], strict=True):
        assert abs(begun.at_ms - span.from_ms) <= 100
        assert abs(done.at_ms - 320 - span.to_ms) <= 100


@pytest.mark.parametrize("name", ["silence", "noise_only"])
def test_recorded_lines_without_a_caller_are_quiet(name: str) -> None:
    """Neither silence nor a noisy line is speech."""
    assert heard(fixtures.payload_of(name), VadSettings()) == []
