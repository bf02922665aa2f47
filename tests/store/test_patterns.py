"""The operator's patterns are read whole, and one that could hold up a call is refused."""

from pathlib import Path

import pytest

from gateway.errors import ConfigError
from gateway.store.patterns import can_take_for_ever, read_patterns, redactor
from tests.store.databases import settings_in


def written(folder: Path, text: str) -> Path:
    """A file of patterns."""
    path = folder / "redact.toml"
    path.write_text(text)
    return path


def test_without_a_file_cards_and_codes_go(tmp_path: Path) -> None:
    """Phone numbers stay unless they are to go."""
    words = "4111 1111 1111 1111, PIN 1234, +14155550123"
    assert read_patterns(settings_in(tmp_path)) == []
    plain = redactor(settings_in(tmp_path))
    assert plain.text(words) == "[card number], PIN [secret digits], +14155550123"
    strict = redactor(settings_in(tmp_path, redact_numbers=True))
    assert strict.text(words) == "[card number], PIN [secret digits], [phone number]"


def test_a_file_names_what_else_goes(tmp_path: Path) -> None:
    """In its order: of two that match the same, the first has the name."""
    path = written(tmp_path, "customer = 'K-\\d{4}'\n\"bank account\" = '(?i)de\\d{4}'\nk = 'K.'\n")
    settings = settings_in(tmp_path, redact=path)
    assert [name for name, _ in read_patterns(settings)] == ["customer", "bank account", "k"]
    kept = redactor(settings).text("K-4711 of De1234, Kx")
    assert kept == "[customer] of [bank account], [k]"


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("a = '('", "'a': is no regular expression (missing ), unterminated subpattern at char"),
        ("a = 'x*'", "'a': matches the empty text, so it would be everywhere"),
        ("a = ''", "'a': matches the empty text"),
        ("a = 7", "'a': must be a regular expression in quotes"),
        ("[a]\nb = 'x'", "'a': must be a regular expression in quotes"),
        ("a = '(x+)+y'", "'a': repeats what repeats: write (…){1,10} or (…)++ for the outer one"),
        ("a = 'x{99999999999}'", "'a': is too large for a regular expression"),
        ("A = 'x'", "'A': a name is up to 40 of a-z, 0-9, space, - and _, and begins with a lett"),
        ("\"a]\" = 'x'", "'a]': a name is up to"),
        ("\"a\\nb\" = 'x'", "'a\\nb': a name is up to"),
        ("a = '('\nb = 7", "'a': is no regular expression (missing ), unterminated subpattern at"),
        ("a = ", "Invalid value (at end of document)"),
    ],
)
def test_a_wrong_file_is_refused_in_one_line(tmp_path: Path, text: str, fault: str) -> None:
    """The line names the variable, the file and the pattern; nothing is half in force."""
    path = written(tmp_path, text)
    with pytest.raises(ConfigError) as wrong:
        redactor(settings_in(tmp_path, redact=path))
    assert str(wrong.value).startswith(f"GATEWAY_REDACT: {path}: {fault}")
    assert "\n" not in str(wrong.value)


def test_all_that_is_wrong_is_named(tmp_path: Path) -> None:
    """Once each."""
    path = written(tmp_path, "a = '('\nb = 7\nC = 'x'")
    with pytest.raises(ConfigError) as wrong:
        redactor(settings_in(tmp_path, redact=path))
    assert [fault.split(":")[0] for fault in str(wrong.value).split("; ")][1:] == ["'b'", "'C'"]


def test_a_file_that_is_not_there_is_no_empty_one(tmp_path: Path) -> None:
    """Nothing is kept unredacted because of a typing error."""
    with pytest.raises(ConfigError, match=r"GATEWAY_REDACT: .*cannot be read"):
        redactor(settings_in(tmp_path, redact=tmp_path / "none.toml"))


@pytest.mark.parametrize(
    ("expression", "answer"),
    [
        ("(a+)+", True),
        ("(?:a*)*", True),
        ("(?:a+b?)*?", True),
        ("((a+)b)+", True),
        ("(a?){11}", True),
        ("(a{1,2}){5,20}", True),
        ("(a{2,}){,11}", True),
        ("(?P<x>a+|b)+", True),
        ("(?i:a+)+", True),
        (r"(?:\w{4} ?)+", True),
        (r"(?:\w{4} ?){2,7}", False),
        (r"(?:\w{4} ?)++", False),
        ("(?:a++)+", False),
        ("(a+){10}", False),
        ("(a+)?", False),
        ("(ab{2})+", False),
        ("(a|b)+", False),
        ("a+b+c*", False),
        ("[(a+)]+", False),
        (r"\(a+\)+", False),
        (r"[\]+]+(a)+", False),
        ("[]a+)]+", False),
        ("(?=a+)b+", False),
        ("(?x) a # )\n (b+) c+", False),
    ],
)
def test_what_can_take_for_ever(expression: str, answer: bool) -> None:
    """A repeat of what repeats, unless it is few times or never gives back what it took."""
    assert can_take_for_ever(expression) is answer
