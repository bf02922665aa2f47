"""The change of sample rate: nothing is lost, nothing is moved, nothing is added."""

from __future__ import annotations

import math
from array import array
from collections.abc import Callable, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.resample import RATIO, Downsampler, Upsampler

Resampler = Downsampler | Upsampler
BOTH = pytest.mark.parametrize("make", [Downsampler, Upsampler])
LINE = 8000
MODEL = 24000
PEAK = 10_000
EDGE = 40
"""Samples at either end that the filter has not seen whole."""
PASSBAND = [100, 300, 500, 1000, 1500, 2000, 2500, 3000, 3300, 3400]
STOPBAND = [4600, 5000, 5500, 6300, 7100, 8000, 8900, 9500, 10_500, 11_000]


def sine(hz: float, rate: int, n: int = 2400, peak: float = PEAK) -> array[int]:
    """A tone that begins at zero."""
    return array("h", (round(peak * math.sin(2 * math.pi * hz * i / rate)) for i in range(n)))


def resampled(resampler: Resampler, samples: array[int]) -> array[int]:
    """All of it at once."""
    pcm = samples.tobytes()
    return array("h", resampler.feed(pcm) + resampler.flush())


def level_db(samples: Sequence[float]) -> float:
    """RMS against that of a tone of PEAK; the ends are left out."""
    inner = samples[EDGE:-EDGE]
    power = sum(sample * sample for sample in inner) / len(inner)
    return 10 * math.log10(max(power, 1e-9) / (PEAK**2 / 2))


def fed_in_pieces(resampler: Resampler, pcm: bytes, cuts: list[int]) -> bytes:
    """The same audio in pieces that end at these places."""
    out = b""
    begin = 0
    for end in [*sorted(cuts), len(pcm)]:
        out += resampler.feed(pcm[begin:end])
        begin = end
    return out + resampler.flush()


@BOTH
@given(pcm=st.binary(max_size=1500), data=st.data())
def test_where_the_audio_is_cut_makes_no_difference(
    make: Callable[[], Resampler], pcm: bytes, data: st.DataObject
) -> None:
    """Any pieces, of any number of bytes, give the very bytes that the whole gives."""
    cuts = data.draw(st.lists(st.integers(0, len(pcm)), max_size=12))
    assert fed_in_pieces(make(), pcm, cuts) == fed_in_pieces(make(), pcm, [])


@BOTH
def test_byte_by_byte_is_the_same_too(make: Callable[[], Resampler]) -> None:
    """The smallest pieces there are."""
    pcm = sine(700, LINE, 200).tobytes()
    assert fed_in_pieces(make(), pcm, list(range(400))) == fed_in_pieces(make(), pcm, [])


@given(st.integers(0, 300), st.booleans())
def test_every_third_sample_is_left(n: int, odd: bool) -> None:
    """24 kHz to 8 kHz gives a third of the samples; a begun third counts, half a sample not."""
    out = fed_in_pieces(Downsampler(), bytes(2 * n + odd), [])
    assert len(out) == 2 * math.ceil(n / RATIO)


@given(st.integers(0, 300), st.booleans())
def test_two_samples_are_put_between(n: int, odd: bool) -> None:
    """8 kHz to 24 kHz gives three times the samples; half a sample does not count."""
    assert len(fed_in_pieces(Upsampler(), bytes(2 * n + odd), [])) == 2 * RATIO * n


@BOTH
def test_it_is_ready_for_another_piece(make: Callable[[], Resampler]) -> None:
    """After the end nothing of the audio before is left."""
    resampler = make()
    first, second = sine(900, LINE, 301), sine(1900, LINE, 500)
    resampled(resampler, first)
    assert resampled(resampler, second) == resampled(make(), second)


@BOTH
def test_silence_stays_silence(make: Callable[[], Resampler]) -> None:
    """No bias, no dither."""
    assert not any(resampled(make(), array("h", bytes(4000))))


@pytest.mark.parametrize("hz", PASSBAND)
def test_speech_reaches_the_line_as_it_was(hz: int) -> None:
    """To 3.4 kHz a tone keeps its place to a fraction of a sample and its level to 0.03 dB."""
    out = resampled(Downsampler(), sine(hz, MODEL))
    meant = sine(hz, LINE, len(out))
    assert level_db(out) == pytest.approx(level_db(meant), abs=0.03)
    assert level_db([a - b for a, b in zip(out, meant, strict=True)]) < -50


@pytest.mark.parametrize("hz", PASSBAND)
def test_speech_reaches_the_model_as_it_was(hz: int) -> None:
    """The same on the way up, and no image of the tone is added."""
    out = resampled(Upsampler(), sine(hz, LINE))
    meant = sine(hz, MODEL, len(out))
    assert level_db(out) == pytest.approx(level_db(meant), abs=0.03)
    assert level_db([a - b for a, b in zip(out, meant, strict=True)]) < -50


@pytest.mark.parametrize("hz", STOPBAND)
def test_what_the_line_cannot_carry_is_not_folded_into_it(hz: int) -> None:
    """From 4.6 kHz on, less than a three-hundredth of a tone is left."""
    assert level_db(resampled(Downsampler(), sine(hz, MODEL))) < -50


def test_the_samples_of_the_line_reach_the_model_untouched() -> None:
    """Every third sample of the way up is the one that went in."""
    samples = sine(1234, LINE, 400)
    assert resampled(Upsampler(), samples)[::RATIO] == samples


@BOTH
def test_the_loudest_is_limited_and_never_wraps(make: Callable[[], Resampler]) -> None:
    """A square wave swings over its edges: at full scale to the limit, not to the other side."""
    soft = array("h", (8000 if sample >= 0 else -8000 for sample in sine(250, LINE)))
    loud = array("h", (sample * 4 for sample in soft))
    swings = [sample * 4 for sample in resampled(make(), soft)]
    limited = [max(-32768, min(32767, sample)) for sample in swings]
    assert limited != swings
    heard = resampled(make(), loud)
    assert all(abs(a - b) <= 4 for a, b in zip(heard, limited, strict=True))


@BOTH
@given(st.lists(st.sampled_from([-32768, 32767, 0]), max_size=200))
def test_no_audio_is_too_rough(make: Callable[[], Resampler], samples: list[int]) -> None:
    """The worst sequences of samples stay within 16 bits and never fail."""
    resampled(make(), array("h", samples))
