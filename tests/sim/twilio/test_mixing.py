"""What connected calls hear of one another: each the others, never itself."""

from gateway.core.g711 import audioop
from gateway.sim.twilio.mixing import Mixer

ONE, OTHER, SILENCE = b"\x10" * 160, b"\x20" * 160, b"\xff" * 160


def test_two_hear_each_other_byte_for_byte() -> None:
    """And not themselves."""
    mixer = Mixer()
    caller, human = (mixer.seat(0.0, keep_audio=True) for _ in range(2))
    caller.frame(ONE)
    human.frame(OTHER)
    assert (caller.listen(), human.listen()) == (OTHER, ONE)
    assert (caller.listen(), human.listen()) == (SILENCE, SILENCE)
    assert bytes(caller.heard) == OTHER + SILENCE
    assert bytes(caller.said) == ONE


def test_of_several_one_hears_the_sum() -> None:
    """As a telephone does."""
    mixer = Mixer()
    listener, first, second = (mixer.seat(0.0, keep_audio=False) for _ in range(3))
    first.frame(ONE)
    second.frame(OTHER)
    both = audioop.add(audioop.ulaw2lin(ONE, 2), audioop.ulaw2lin(OTHER, 2), 2)
    assert listener.listen() == audioop.lin2ulaw(both, 2)
    assert not listener.heard


def test_who_is_late_does_not_hear_the_past() -> None:
    """Three frames wait at most: a conversation does not lag."""
    mixer = Mixer()
    caller, human = (mixer.seat(0.0, keep_audio=True) for _ in range(2))
    for number in range(10):
        caller.frame(bytes([number]) * 160)
    assert [human.listen()[0] for _ in range(4)] == [7, 8, 9, 0xFF]


def test_nobody_is_heard_who_is_muted_apart_gone_or_too_early() -> None:
    """On hold one hears nothing either."""
    mixer = Mixer(open_=False)
    caller, human = (mixer.seat(0.0, keep_audio=True) for _ in range(2))
    caller.frame(ONE)
    mixer.open = True
    assert human.listen() == SILENCE
    caller.muted = True
    caller.frame(ONE)
    human.frame(OTHER)
    assert (caller.listen(), human.listen()) == (OTHER, SILENCE)
    caller.muted, caller.apart = False, True
    caller.frame(ONE)
    human.frame(OTHER)
    assert (caller.listen(), human.listen()) == (SILENCE, SILENCE)
    caller.apart = False
    human.leave()
    caller.skip()
    assert (mixer.seats, human.listen()) == ([caller], SILENCE)
