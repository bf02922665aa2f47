"""Bins: how much of a frequency is in a window, and how far beside it a tone lies."""

import math
from array import array

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.g711 import audioop
from gateway.core.goertzel import Bank, power, shift_hz


def sine(hz: float, peak: float, begin: int, n: int = 160) -> bytes:
    """A part of one long sine."""
    turn = 2 * math.pi * hz / 8000
    return array("h", (round(peak * math.cos(turn * (begin + i))) for i in range(n))).tobytes()


@given(st.integers(3, 70), st.floats(500, 30000), st.integers(0, 500))
def test_a_bin_has_the_power_of_its_tone(place: int, peak: float, begin: int) -> None:
    """Half the square of its peak, whatever its phase."""
    amplitudes = Bank([50.0 * place], 160).amplitudes(sine(50.0 * place, peak, begin))
    assert power(amplitudes[0]) == pytest.approx(peak * peak / 2, rel=0.01)


def test_bins_are_blind_to_each_other() -> None:
    """Tones that are whole bins of the window away are not there."""
    own, *others = Bank([1000, 950, 1050, 1500, 2000], 160).amplitudes(sine(1000, 10000, 3))
    assert power(own) == pytest.approx(5e7, rel=0.001)
    assert max(map(power, others)) < 1e-4 * power(own)


def test_one_place_is_the_same_as_all() -> None:
    """Asking for one frequency gives what the whole bank gives for it."""
    bank, window = Bank([700, 1200, 1600], 80), sine(1190, 9000, 11, 80)
    assert [bank.amplitude(window, place) for place in range(3)] == bank.amplitudes(window)


@given(st.floats(600, 1700), st.floats(-45, 45), st.integers(0, 300))
def test_the_phase_tells_how_far_off_a_tone_is(hz: float, off: float, begin: int) -> None:
    """Two windows 10 ms apart give the frequency to four Hertz, within 45 Hz to either side.

    The worst is a low tone far off: 3.5 Hz at 615 for 660 (found by trying all of them).
    """
    bank = Bank([hz], 160)
    earlier, later = (bank.amplitude(sine(hz + off, 12000, at), 0) for at in (begin, begin + 80))
    assert shift_hz(earlier, later, hz, 80) == pytest.approx(off, abs=4)


def test_silence_has_no_tone() -> None:
    """Nothing of any frequency, and no error."""
    assert Bank([440], 160).amplitudes(bytes(320)) == [0]


def test_a_window_of_another_length_is_refused() -> None:
    """Figures from it would be wrong."""
    with pytest.raises(audioop.error):
        Bank([440], 160).amplitudes(bytes(300))


@pytest.mark.parametrize("hz", [0, -100, 4000, 5000, math.nan])
def test_a_frequency_beyond_the_telephone_is_refused(hz: float) -> None:
    """It would be heard as another one."""
    with pytest.raises(ValueError, match="below 4000 Hz"):
        Bank([hz], 160)
