"""A document for CI."""

import xml.etree.ElementTree as ET

from gateway.ops.load.document import document_of
from gateway.ops.load.junit import junit_of
from gateway.ops.load.thresholds import read_thresholds
from gateway.ops.load.trial import Trial
from tests.ops.load.records import a_call, a_failed_call, a_trial


def suite_of(trial: Trial) -> ET.Element:
    """What a CI reads."""
    thresholds = read_thresholds(["turn_p95>800ms", "failed>5", "connect_p99>1s"])
    return ET.fromstring(junit_of(document_of(trial, thresholds, None)))


def test_every_call_and_threshold_is_a_case() -> None:
    """With what went wrong in each."""
    suite = suite_of(a_trial(a_call(1), a_failed_call(2, "broke \x00 & <burnt>")))
    assert suite.attrib["tests"] == str(len(suite)) == "6"
    assert (suite.attrib["failures"], suite.attrib["skipped"]) == ("2", "0")
    said = [failure.attrib["message"] for failure in suite.iter("failure")]
    assert said == ["turn_p95 is 900, the limit 800", "dropped: broke � & <burnt>"]


def test_a_void_run_fails_and_says_nothing_else() -> None:
    """Calls are skipped: nobody knows whether they were good."""
    suite = suite_of(a_trial(a_call(1), a_failed_call(2), late={600: 100}))
    assert (suite.attrib["failures"], suite.attrib["skipped"]) == ("1", "2")
    (case,) = (each for each in suite if each.find("failure") is not None)
    assert case.attrib["classname"] == "loadtest.generator"


def test_what_was_never_measured_says_so() -> None:
    """Not a number."""
    suite = suite_of(a_trial(a_failed_call(2)))
    said = [failure.attrib["message"] for failure in suite.iter("failure")]
    assert said[0] == "turn_p95 is never measured, the limit 800"
