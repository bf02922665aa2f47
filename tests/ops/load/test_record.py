"""What is known of a call."""

from typing import get_args

import msgspec

from gateway.ops.load.record import FAILURES, CallRecord, Failure, Pulse, Ready, Word
from tests.ops.load.records import a_call, a_failed_call, a_pulse


def test_the_first_reason_counts() -> None:
    """What follows from it is not the reason."""
    record = a_failed_call(1, "the connection broke")
    record.fail("no_audio", "nothing was heard")
    assert (record.failure, record.detail) == ("dropped", "the connection broke")


def test_every_reason_has_its_words() -> None:
    """But for the empty one."""
    assert FAILURES.keys() == set(get_args(Failure)) - {""}


def test_words_arrive_as_they_were_said() -> None:
    """From process to process, as JSON."""
    for word in (Ready(3), a_pulse(a_call(1), a_failed_call(2), late={0: 5, 17: 2})):
        assert msgspec.json.decode(msgspec.json.encode(word), type=Word) == word
    assert isinstance(a_pulse().ended, list)
    assert isinstance(a_call(1), CallRecord)
    assert isinstance(a_pulse(), Pulse)
