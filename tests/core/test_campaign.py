"""Whose turn it is on a list, who is rung again, and when the list is given up."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.callee import Refusal
from gateway.core.campaign import Contact
from tests.core.campaigns import NOON, attempt, campaign, contacts, end, let_in

SWITCH = Refusal("switch", "gateway outbound open", "it is switched off")
COUNTRY = Refusal("country", "GATEWAY_OUTBOUND_COUNTRIES", "not called")


def test_numbers_are_rung_in_their_order_so_many_at_a_time() -> None:
    """The next one when one is over."""
    people = contacts(4)
    running = campaign(*people, most=2)
    first, second = running.next(NOON), running.next(NOON)
    assert [first, second] == people[:2]
    assert first is not None
    assert second is not None
    was = let_in(running, first, "a")
    let_in(running, second, "b")
    assert running.next(NOON) is None
    assert end(running, was, "completed") is first
    assert running.next(NOON) is people[2]


def test_who_is_to_be_rung_again_comes_first_at_their_time() -> None:
    """Not before; and the list is not over until then."""
    one, other = contacts(2)
    running = campaign(one, other, most=1)
    contact = running.next(NOON)
    assert contact is one
    end(running, let_in(running, one, "a"), "busy")
    assert (one.pending, one.again_at) == (True, NOON + timedelta(minutes=10))
    assert running.next(NOON) is other
    end(running, let_in(running, other, "b"), "completed")
    assert (running.next(NOON), running.over) == (None, False)
    again = running.next(NOON + timedelta(minutes=10))
    assert again is one
    end(running, let_in(running, one, "c"), "completed")
    assert running.over
    assert [each.ordinal for each in one.attempts] == [1, 2]


def test_it_goes_on_where_it_was() -> None:
    """From the calls there are: reached ones never again, those on the line are watched, the others
    are due, at once or at their time.
    """
    people = reached, talks, busy, late, lost, fresh = contacts(6)
    reached.attempts = [attempt("busy"), attempt("completed", ordinal=2)]
    talks.attempts = [attempt(dial="t")]
    busy.attempts = [attempt("busy")]
    late.attempts = [attempt("expired")]
    lost.attempts = [attempt("unknown")]
    running = campaign(*people)
    assert [each.dial for each in running.out] == ["t"]
    assert [running.next(NOON), running.next(NOON), running.next(NOON)] == [late, fresh, None]
    assert running.next(NOON + timedelta(hours=1)) is busy
    assert [each.pending for each in people] == [False, False, True, True, False, True]


def test_who_was_not_rung_is_left_for_the_next_run() -> None:
    """Expired or refused by the carrier: not again before somebody has looked why."""
    (contact,) = contacts(1)
    running = campaign(contact)
    running.next(NOON)
    end(running, let_in(running, contact, "a"), "expired")
    assert (running.over, contact.pending) == (True, False)
    assert campaign(contact).next(NOON) is contact


def test_faults_in_a_row_stop_it() -> None:
    """A call that came to nothing because of whom was called breaks the row; so many do not."""
    people = contacts(8)
    running = campaign(*people, most=8, faults=3)
    out = []
    for n in range(6):
        contact = running.next(NOON)
        assert contact is not None
        out.append(let_in(running, contact, f"d{n}"))
    end(running, out[0], "expired", words="no answer")
    end(running, out[1], "expired", words="no answer")
    end(running, out[2], "busy")
    end(running, out[3], "refused", words="no such account")
    end(running, out[4], "unknown", words="it is not known")
    assert not running.stopped
    sixth = running.next(NOON)
    assert sixth is not None
    running.refused(sixth, SWITCH)
    assert "3 calls in a row" in running.stopped
    assert "it is switched off" in running.stopped
    assert running.next(NOON) is None
    assert not running.over  # somebody is on the line
    end(running, out[5], "completed")
    assert running.over


def test_rules_about_a_number_neither_stop_it_nor_break_a_row() -> None:
    """A list of another country ends at its end."""
    people = contacts(4)
    running = campaign(*people, faults=2)
    for refusal in (SWITCH, COUNTRY, COUNTRY):
        contact = running.next(NOON)
        assert contact is not None
        running.refused(contact, refusal)
    assert not running.stopped
    last = running.next(NOON)
    assert last is not None
    running.refused(last, SWITCH)
    assert running.stopped


def test_whoever_is_put_back_is_next() -> None:
    """Not let in just now; it keeps its place."""
    people = contacts(2)
    running = campaign(*people)
    first = running.next(NOON)
    assert first is not None
    running.put_back(first)
    assert running.next(NOON) is first


def test_a_call_that_somebody_else_let_in_counts() -> None:
    """Whoever asked first made the call: it may be over already."""
    (contact,) = contacts(1)
    running = campaign(contact)
    running.next(NOON)
    running.let_in(contact, attempt("completed"))
    assert running.over
    assert contact.reached


def test_news_of_strangers_change_nothing() -> None:
    """A call that is not of the list."""
    assert campaign(*contacts(1)).seen(attempt("completed", dial="x")) is None


OUTCOMES = ("completed", "message_left", "unknown", "busy", "no_answer", "failed", "expired")


@pytest.mark.parametrize("most", [1, 3])
@given(script=st.lists(st.lists(st.sampled_from(OUTCOMES), max_size=4), max_size=6))
def test_nobody_who_was_reached_is_rung_again(most: int, script: list[list[str]]) -> None:
    """Whatever becomes of whom, and wherever it is stopped and begun anew."""
    people = contacts(len(script))
    now, count = NOON, 0
    for _restart in range(3):
        running = campaign(*people, most=most, faults=100)
        while not running.over and (contact := running.next(now)):
            assert not any(each.left_alone for each in contact.attempts)
            assert len(running.out) < most
            mine = script[people.index(contact)]
            place = len(contact.attempts)
            count += 1
            was = let_in(running, contact, f"d{count}")
            end(running, was, mine[place] if place < len(mine) else "completed", ended_at=now)
            now += timedelta(minutes=7)
        people = [Contact(each.number, each.line, attempts=each.attempts) for each in people]
