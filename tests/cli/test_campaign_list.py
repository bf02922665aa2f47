"""The list of a campaign: what is read of a file, and what is wrong with it."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.cli.campaign_list import Listed, read_list
from gateway.core.callee import Callee, parse
from gateway.errors import GatewayError

ADA, BOB = "+12025550123", "+12025550147"


def read(folder: Path, content: str | bytes, **common: str) -> Listed:
    """What a file with this content has."""
    path = folder / "numbers.csv"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return read_list(path, common)


def found(listed: Listed) -> list[tuple[str, int, dict[str, str]]]:
    """The numbers, their lines, their data."""
    return [(each.number, each.line, dict(each.data)) for each in listed.contacts]


TWO = [(ADA, 2, {"name": "Ada"}), (BOB, 3, {"name": "Bob"})]
TEXT = f"number,name\n{ADA},Ada\n{BOB},Bob\n"


@pytest.mark.parametrize(
    "content",
    [
        TEXT.encode(),
        TEXT.encode("utf-8-sig"),
        TEXT.encode("utf-16"),
        TEXT.replace("\n", "\r\n").encode(),
        TEXT.replace(",", ";").encode(),
        TEXT.replace(",", "\t").encode(),
        TEXT.replace("number", "Number").encode(),
        f'"number", "name"\n"{ADA}", Ada \n{BOB},"Bob"'.encode(),
        f"name,number\nAda,{ADA}\nBob,+1 (202) 555-0147\n".encode(),
    ],
    ids=["plain", "mark", "utf-16", "crlf", "semicolons", "tabs", "case", "quotes", "order"],
)
def test_what_spreadsheets_write_is_read(tmp_path: Path, content: bytes) -> None:
    """Separators, quotes, marks and encodings; numbers in any spelling with a country code."""
    if content.startswith(b'"number", '):  # a space before a quote is part of the cell
        content = content.replace(b'", "', b'","').replace(b'", ', b'",')
    assert found(read(tmp_path, content)) == TWO


def test_lines_are_those_of_the_file(tmp_path: Path) -> None:
    """Empty ones, those between quotes, and the one that names the separator, counted."""
    text = f'sep=;\n\nnumber;name;note\n;;\n{ADA};Ada;"one\ntwo"\n\n{BOB};Bob;\n1;;\n'
    listed = read(tmp_path, text)
    assert found(listed) == [
        (ADA, 5, {"name": "Ada", "note": "one\ntwo"}),
        (BOB, 8, {"name": "Bob", "note": ""}),
    ]
    assert [each.line for each in listed.mistakes] == [9]


def test_a_number_that_stands_there_twice_is_rung_once(tmp_path: Path) -> None:
    """However it is written; the first line counts."""
    listed = read(tmp_path, f"number,name\n{ADA},Ada\n{BOB},Bob\n+1 202 555 0123,Eve\n")
    assert found(listed) == TWO
    assert listed.twice == [(4, 2)]


def test_data_of_all_stand_in_for_empty_cells(tmp_path: Path) -> None:
    """A cell that says something counts."""
    listed = read(tmp_path, f"number,name\n{ADA},Ada\n{BOB},\n", name="you", city="Bath")
    assert [each.data for each in listed.contacts] == [
        {"name": "Ada", "city": "Bath"},
        {"name": "you", "city": "Bath"},
    ]


def test_every_mistake_is_told_with_its_line(tmp_path: Path) -> None:
    """And none of them quotes a number."""
    rows = ["911,a", f"{ADA},a", "=1+1,a", ",a", "+49 900 1234567,a", f"{BOB},a,b", "12025550199,"]
    listed = read(tmp_path, "\n".join(["number,name", *rows, f"{BOB},{'x' * 1001}"]))
    assert [each.number for each in listed.contacts] == [ADA]
    assert [each.line for each in listed.mistakes] == [2, 4, 5, 6, 7, 8, 9]
    texts = " ".join(each.text for each in listed.mistakes)
    assert "premium-rate" in texts
    assert "3 cells" in texts
    assert "'name' has more than 1000" in texts
    assert not any(row.split(",")[0] in texts for row in rows if row[0] != ",")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("", "empty"),
        ("\n\n", "empty"),
        ("number\n", "no number in it"),
        ("name,phone\nAda,1\n", "one column 'number'"),
        ("number,number\n", "one column 'number'"),
        ("number,a,a\n", "two columns 'a'"),
        ("number,First name\n", "'First_name'"),
        ("number,1st\n", "'_1st'"),
        ("number,{{ x }}\n", "'x'"),
        ("number,\u00fc\n", "'a_name'"),
        ("number,\n,x\nnumber", "no number"),
        (f'number\n"{ADA}" x\n', "line 2"),
        (f'number\n{ADA}\n"+1', "line 3"),
        (b"number,name\n+1,\xff\n", "line 2 is not UTF-8"),
        ("number," + ",".join(f"c{n}" for n in range(51)), "more than 50"),
    ],
)
def test_a_file_that_is_no_list(tmp_path: Path, content: str | bytes, words: str) -> None:
    """One line that says what is wrong with it, the file named."""
    if content == "number,\n,x\nnumber":
        assert [each.line for each in read(tmp_path, content).mistakes] == [2, 3]
        return
    with pytest.raises(GatewayError, match=r"numbers\.csv: ") as error:
        read(tmp_path, content)
    assert words in str(error.value)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    """Is named."""
    with pytest.raises(GatewayError, match=r"none\.csv: No such file"):
        read_list(tmp_path / "none.csv", {})


def test_rows_fit_into_a_request(tmp_path: Path) -> None:
    """What the API would not take is known before anybody is rung."""
    names = [f"c{n}" for n in range(20)]
    row = ",".join(["x" * 900] * 20)
    listed = read(tmp_path, f"number,{','.join(names)}\n{ADA},{row}\n")
    assert "bytes" in listed.mistakes[0].text


def test_ten_thousand_lines_are_checked_as_a_whole(tmp_path: Path) -> None:
    """Every mistake of them."""
    lines = [f"+1202{n:07d},x" for n in range(5550100, 5550200)]
    wrong = [f"{n},x" for n in range(9900)]
    listed = read(tmp_path, "\n".join(["number,name", *lines, *wrong]))
    good = [each for each in lines if isinstance(parse(each.split(",")[0]), Callee)]
    assert len(listed.contacts) == len(good) > 50
    assert len(listed.contacts) + len(listed.mistakes) == 10_000


@given(st.binary(max_size=200))
def test_whatever_a_file_has_it_is_a_list_or_a_mistake(content: bytes) -> None:
    """Nothing else comes of it, and whatever is rung is E.164."""
    path = Path(json.__file__)  # any file: its content is another
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Path, "read_bytes", lambda _path: b"number,a\n" + content)
        try:
            listed = read_list(path, {})
        except GatewayError:
            return
    assert all(each.number.startswith("+") for each in listed.contacts)
