"""A document as JUnit XML, which every CI shows: a case for the generator, each threshold and call.

Pure. In a void run nothing but the generator's case says anything: the others are skipped.
"""

import xml.etree.ElementTree as ET
from collections.abc import Mapping
from typing import Any


def junit_of(document: Mapping[str, Any]) -> bytes:
    """The XML of a document."""
    suite = ET.Element("testsuite", name="gateway loadtest", time=f"{document['seconds']:.2f}")
    suite.set("timestamp", document["started_at"])
    void = document["verdict"] == "void"
    generator = _case(suite, "generator", "the generator was in time", 0.0)
    if void:
        _failure(generator, "; ".join(document["why"]))
    for each in document["thresholds"]:
        case = _case(suite, "thresholds", f"not {each['text']}", 0.0)
        if void:
            ET.SubElement(case, "skipped", message="the run is void")
        elif not each["ok"]:
            value = "never measured" if each["value"] is None else f"{each['value']:g}"
            _failure(case, f"{each['name']} is {value}, the limit {each['limit']:g}")
    for call in document["calls"]:
        name = f"call {call['number']} ({call['fixture']}) {call['call_sid']}"
        case = _case(suite, "calls", name, call["ended_s"] - call["placed_s"])
        if void:
            ET.SubElement(case, "skipped", message="the run is void")
        elif call["failure"]:
            _failure(case, f"{call['failure']}: {call['detail']}")
    for name in ("failure", "skipped"):
        suite.set(f"{name}s" if name == "failure" else name, str(len(suite.findall(f"*/{name}"))))
    suite.set("tests", str(len(suite)))
    suite.set("errors", "0")
    xml: bytes = ET.tostring(suite, encoding="utf-8", xml_declaration=True)
    return xml


def _case(suite: ET.Element, group: str, name: str, seconds: float) -> ET.Element:
    return ET.SubElement(
        suite, "testcase", classname=f"loadtest.{group}", name=_plain(name), time=f"{seconds:.2f}"
    )


def _failure(case: ET.Element, message: str) -> None:
    ET.SubElement(case, "failure", message=_plain(message))


def _plain(text: str) -> str:
    """Without the control characters XML has no way to write."""
    return "".join(each if each.isprintable() else "�" for each in text)
