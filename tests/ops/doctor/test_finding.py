"""Findings: what a check raises carries what is shown."""

from gateway.ops.doctor.finding import Finding, Skipped, Wrong


def test_what_is_wrong_comes_with_what_to_do() -> None:
    """Both are there for whoever catches it."""
    wrong = Wrong("the lamp is out", "change it")
    assert (wrong.detail, wrong.fix, str(wrong)) == ("the lamp is out", "change it", wrong.detail)


def test_what_is_skipped_blocks_unless_it_says_otherwise() -> None:
    """What needs it cannot be tried either, as a rule."""
    assert Skipped("no lamp").blocks
    assert not Skipped("no lamp", blocks=False).blocks


def test_a_finding_has_no_fix_unless_something_is_wrong() -> None:
    """Nothing need be done about what is right."""
    assert Finding("lamp", "ok", "burns").fix == ""
