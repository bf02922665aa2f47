"""The block form of YAML that our deployment files are written in, and nothing else.

Mappings and lists by indentation, plain and quoted scalars, comments. Every scalar is a string.
Whatever else YAML can do (anchors, flow style, folded text, tabs) is refused, so a file this module
reads means the same to every YAML reader.
"""

import re
from typing import Any

_ENTRY = re.compile(r"(?P<key>[\w.-]+):(?: +(?P<value>.+))?")
_PLAIN = re.compile(r"""(?:[^\s\-?:,\[\]{}#&*!|>'"%@`]|-(?=\S))(?:[^#:]|(?<!\s)\#|:(?=\S))*""")


class NotBlockYaml(ValueError):
    """A line that is not plain block YAML."""


def parse(text: str) -> Any:
    """The value of a document: dicts, lists and strings."""
    lines = [(len(line) - len(line.lstrip(" ")), line.strip()) for line in text.split("\n")]
    lines = [(indent, line) for indent, line in lines if line and not line.startswith("#")]
    if not lines:
        raise NotBlockYaml("nothing in it")
    value = _block(lines, lines[0][0])
    if lines:
        raise NotBlockYaml(f"out of place: {lines[0][1]}")
    return value


def _block(lines: list[tuple[int, str]], indent: int) -> Any:
    return _list(lines, indent) if lines[0][1].startswith("- ") else _mapping(lines, indent)


def _list(lines: list[tuple[int, str]], indent: int) -> list[Any]:
    values: list[Any] = []
    while lines and lines[0][0] == indent and lines[0][1].startswith("- "):
        item = lines[0][1][2:].strip()
        if _ENTRY.fullmatch(item):
            lines[0] = (indent + 2, item)
            values.append(_mapping(lines, indent + 2))
        else:
            lines.pop(0)
            values.append(_scalar(item))
    return values


def _mapping(lines: list[tuple[int, str]], indent: int) -> dict[str, Any]:
    values: dict[str, Any] = {}
    while lines and lines[0][0] == indent:
        _, line = lines.pop(0)
        entry = _ENTRY.fullmatch(line)
        if not entry or entry["key"] in values:
            raise NotBlockYaml(f"not one key and its value: {line}")
        if entry["value"] and not entry["value"].startswith("#"):
            values[entry["key"]] = _scalar(entry["value"])
        elif lines and lines[0][0] > indent:
            values[entry["key"]] = _block(lines, lines[0][0])
        else:
            values[entry["key"]] = ""
    return values


def _scalar(text: str) -> str:
    if text[0] in "'\"" and len(text) > 1:
        end = text.find(text[0], 1)
        rest = text[end + 1 :].strip()
        if end > 0 and "\\" not in text[:end] and (not rest or rest.startswith("#")):
            return text[1:end]
    elif plain := _PLAIN.fullmatch(re.split(r"\s+#", text)[0].strip()):
        return plain.group()
    raise NotBlockYaml(f"not a plain scalar: {text}")
