"""What tracing costs: all of a call is traced, and each thread's part is named."""

import pytest

from bench import tracing
from gateway.core.events import CallEnded, CallOffered, TurnDone


def test_the_call_is_whole() -> None:
    """It begins, ends, and has its turns."""
    events = tracing.call_events(3)
    assert isinstance(events[0], CallOffered)
    assert isinstance(events[-1], CallEnded)
    assert len([each for each in events if isinstance(each, TurnDone)]) == 3


def test_every_part_is_measured(capsys: pytest.CaptureFixture[str]) -> None:
    """The loop's own, the spans', the exporter's; the latter two with words, too."""
    assert len(tracing.measure(calls=1, repeats=1)) == 5
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tracing, "measure", lambda: {"the loop": 0.4})
        assert tracing.main([]) == 0
    assert "0.40" in capsys.readouterr().out
