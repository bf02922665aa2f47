"""Calls and trials as the tests of figures, documents and pages need them."""

from datetime import UTC, datetime

from gateway.ops.load.board import Board
from gateway.ops.load.record import CallRecord, Note, Pulse, Wait
from gateway.ops.load.trial import Course, Target, Trial


def a_call(number: int, *, up_s: float | None = None, turn_ms: float = 900.0) -> CallRecord:
    """A call of ten seconds with one turn, one interruption and one late message."""
    begins = float(number) if up_s is None else up_s
    return CallRecord(
        number=number,
        fixture="asks",
        worker=0,
        call_sid=f"CA{number:032x}",
        placed_s=begins - 0.1,
        up_s=begins,
        ended_s=begins + 10,
        webhook_ms=5.0 + number,
        connect_ms=2.0,
        answer_ms=400.0,
        turns=[Wait(begins + 5, turn_ms)],
        interruptions=[Wait(begins + 8, 150.0)],
        late=[Wait(begins + 6, 30.0)],
        in_time=9,
        messages=11,
        frames=500,
        end="caller",
        notes=[
            Note(500.0, "agent-speaks"),
            Note(2500.0, "agent-quiet"),
            Note(3000.0, "caller-speaks"),
            Note(4000.0, "caller-quiet"),
            Note(5000.0, "agent-speaks"),
            Note(8000.0, "interrupted", "150 ms"),
        ],
    )


def a_failed_call(number: int, detail: str = "it broke") -> CallRecord:
    """A call the gateway dropped before anything was heard."""
    record = CallRecord(number, "asks", 0, f"CA{number:032x}", float(number), ended_s=number + 0.5)
    record.fail("dropped", detail)
    return record


def a_pulse(*ended: CallRecord, late: dict[int, int] | None = None, up: int = 0) -> Pulse:
    """What a worker says when these calls are over."""
    waits = {
        "turn": [wait for record in ended for wait in record.turns],
        "late": [wait for record in ended for wait in record.late],
    }
    return Pulse(0, up, 0, {10: 1000} if late is None else late, waits, list(ended), 1.5)


def a_trial(*ended: CallRecord, late: dict[int, int] | None = None) -> Trial:
    """A trial in which these calls took place."""
    board = Board()
    board.hear(a_pulse(*ended, late=late, up=len(ended)))
    board.look(1.0, None, None)
    board.look(2.0, None, None)
    target = Target("https://user:secret@voice.example.com/twilio/voice", "AC0", "made-up")
    started_at = datetime(2026, 11, 27, 4, 30, tzinfo=UTC)
    return Trial(Course(calls=5, duration_s=20.0), target, board, started_at, 20.0)
