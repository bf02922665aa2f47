"""The report of a load test: one HTML file without any script, which fetches nothing.

Owns what stands where. The plots are drawn by `loadtest_chart.py`, the style is in `loadpage/`.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from importlib.resources import files
from string import Template
from typing import Any

from gateway.cli.loadtest_chart import Rule, Series, number, plot
from gateway.cli.loadtest_lanes import lanes_of
from gateway.core.latency import percentile
from gateway.ops.load.document import failure_text
from gateway.ops.load.figures import COUNTS, MEASURES

BINS = 24
_TITLES = {
    "ok": "All calls went well",
    "failed": "FAILED",
    "void": "VOID",
}
_COLOURS = {"turn": "one", "answer": "two", "interruption": "three", "webhook": "four"}


def page_of(document: Mapping[str, Any]) -> str:
    """The whole page of a document."""
    parts = [_head(document), _verdict(document)]
    if document["verdict"] == "void":
        parts += [_clock_plots(document)]
    else:
        parts += [
            _capacity(document),
            _tiles(document),
            _measures(document),
            _thresholds(document),
            _failures(document),
            _plots(document),
            _distributions(document),
            _clock_plots(document),
            lanes_of(document["calls"], document["seconds"]),
            _baseline(document),
            _counts(document),
        ]
    page = files("gateway.cli") / "loadpage"
    return Template((page / "template.html").read_text("utf-8")).substitute(
        title=escape(f"Load test of {document['target']['url']}: {document['verdict']}"),
        style=(page / "page.css").read_text("utf-8"),
        body="\n".join(filter(None, parts)),
    )


def _head(document: Mapping[str, Any]) -> str:
    course = document["course"]
    told = [
        f"{course['calls']} lines",
        f"{document['seconds']:.0f} s",
        f"{len(document['generator']['workers'])} worker(s)",
        *(f"{course['rate']:g} callers/s by chance" for _ in [0] if course["rate"]),
        *(
            f"{name} {course[f'{name}_ms']:g} ms"
            for name in ("delay", "jitter")
            if course[f"{name}_ms"]
        ),
        *(f"loss {course['loss']:.1%}" for _ in [0] if course["loss"]),
        *("stopped with Ctrl-C" for _ in [0] if document["interrupted"]),
    ]
    return (
        f"<h1>Load test</h1><p class='soft'>{escape(document['target']['url'])} · "
        f"{escape(document['started_at'])} · {escape(', '.join(told))} · "
        f"gateway {escape(document['gateway_version'])}</p>"
    )


def _verdict(document: Mapping[str, Any]) -> str:
    verdict = document["verdict"]
    title = _TITLES[verdict]
    if verdict == "ok" and document["capacity"] is not None:
        title = f"{document['capacity']['calls']} calls are carried"
    elif verdict == "ok" and document["thresholds"]:
        title += ", all thresholds held"
    why = "".join(f"<li>{escape(each)}</li>" for each in document["why"])
    return f"<div class='verdict {verdict}'><b>{title}</b>{f'<ul>{why}</ul>' if why else ''}</div>"


def _tiles(document: Mapping[str, Any]) -> str:
    figures = document["figures"]
    tiles = [
        (number(figures["calls"]), "calls placed"),
        (number(figures["failed"]), "failed"),
        (number(figures["peak_up"]), "up at once"),
        (number(figures["turn_p95"], "ms"), "turn response p95"),
        (number(figures["answer_p95"], "ms"), "answer to audio p95"),
        (number(figures["interruption_p95"], "ms"), "interruption p95"),
        (number(figures["frame_late_p99"], "ms"), "audio late p99"),
        (number(figures["cpu_max"], "cores"), "target CPU, busiest second"),
        (number(figures["memory_max_mb"], "MB"), "target memory"),
    ]
    inside = "".join(
        f"<div class='tile'><b>{big}</b><span>{small}</span></div>" for big, small in tiles
    )
    return f"<div class='tiles'>{inside}</div>"


def _measures(document: Mapping[str, Any]) -> str:
    rows = [
        [
            MEASURES[name],
            each["count"],
            each["p50_ms"],
            each["p95_ms"],
            each["p99_ms"],
            each["max_ms"],
        ]
        for name, each in document["measures"].items()
    ]
    return "<h2>Waits, ms</h2>" + _table(["", "count", "p50", "p95", "p99", "max"], rows)


def _thresholds(document: Mapping[str, Any]) -> str:
    if not document["thresholds"]:
        return ""
    rows = [
        [
            f"fail if {each['text']}",
            each["value"],
            _mark("held" if each["ok"] else "missed", good=each["ok"]),
        ]
        for each in document["thresholds"]
    ]
    return "<h2>Thresholds</h2>" + _table(["", "measured", ""], rows)


def _failures(document: Mapping[str, Any]) -> str:
    if not document["reasons"]:
        return ""
    examples: dict[str, list[Mapping[str, Any]]] = defaultdict(list)
    for call in document["calls"]:
        if call["failure"]:
            examples[call["failure"]].append(call)
    rows = [
        [count, failure_text(reason), _examples(examples[reason])]
        for reason, count in document["reasons"].items()
    ]
    return "<h2>Failures</h2>" + _table(["calls", "reason", "for example"], rows)


def _examples(calls: Sequence[Mapping[str, Any]]) -> str:
    return "; ".join(f"call {call['number']}: {call['detail']}" for call in calls[:3])


def _plots(document: Mapping[str, Any]) -> str:
    moments = document["moments"]
    figures = [
        plot("Calls", "s", "", [
            Series("up", "one", _over(moments, "up")),
            Series("connecting", "four", _over(moments, "connecting")),
            Series("failed so far", "three", _over(moments, "failed")),
        ]),
        plot("Waits over time", "s", "ms", [
            Series(MEASURES[name], _COLOURS[name], points, "dots")
            for name, points in _waits(document).items() if name != "webhook"
        ]),
        plot("Turn response against calls up", "calls", "ms", _against(document)),
        plot("Audio later than needed, p99", "s", "ms", [
            Series("late", "one", _over(moments, "frame_late_p99_ms")),
        ]),
    ]  # fmt: skip
    if document["target"]["local"]:
        figures += [
            plot("CPU, cores", "s", "", [
                Series("target", "one", _over(moments, "cpu")),
                Series("offline model", "two", _over(moments, "model_cpu")),
                Series("busiest worker", "four", _over(moments, "generator_cpu")),
            ]),
            plot("Memory of the target", "s", "MB", [
                Series("memory", "one", _over(moments, "memory_mb")),
            ]),
        ]  # fmt: skip
    return f"<h2>Course</h2><div class='plots'>{''.join(figures)}</div>"


def _clock_plots(document: Mapping[str, Any]) -> str:
    void_ms = document["generator"]["void_above_ms"]
    drawn = plot(
        "The load test's own clock, late at p99, the worst worker",
        "s",
        "ms",
        [Series("late", "four", _over(document["moments"], "clock_late_p99_ms"))],
        [Rule(f"void above {void_ms:g} ms over the run", void_ms, "y")],
    )
    rows = [
        [
            f"worker {each['worker']}",
            each["count"],
            each["p50_ms"],
            each["p95_ms"],
            each["p99_ms"],
            each["max_ms"],
        ]
        for each in document["generator"]["workers"]
    ]
    table = _table(["clock late, ms", "ticks", "p50", "p95", "p99", "max"], rows)
    return f"<h2>The generator itself</h2><div class='plots'>{drawn}{table}</div>"


def _distributions(document: Mapping[str, Any]) -> str:
    drawn = []
    for name, points in _waits(document).items():
        values = [y for _, y in points if y is not None]
        rules = [
            Rule(label, found, "x")
            for label, share in (("p50", 0.5), ("p95", 0.95))
            if (found := percentile(values, share)) is not None
        ]
        # Two rules at one place would be written over each other.
        if len(rules) == 2 and rules[1].at - rules[0].at < 0.2 * max(values):
            rules = [Rule("p50, p95", rules[1].at, "x")]
        bars = Series(name, _COLOURS[name], _binned(values), "bars")
        drawn.append(plot(MEASURES[name], "ms", "", [bars], rules))
    return f"<h2>Distributions</h2><div class='plots small'>{''.join(drawn)}</div>"


def _capacity(document: Mapping[str, Any]) -> str:
    capacity = document["capacity"]
    if capacity is None:
        return ""
    steps = sorted(capacity["steps"], key=lambda step: step["calls"])
    gave_out = f"{capacity['gave_out']}: {capacity['means']} ({capacity['why']})"
    words = gave_out if capacity["gave_out"] else capacity["why"]
    rows = [
        [
            step["calls"],
            _mark("holds" if step["holds"] else step["gave_out"], good=step["holds"]),
            step["failed"],
            step["turn_p95_ms"],
            step["frame_late_p99_ms"],
            step["clock_late_p99_ms"],
            step["cpu_max"],
            step["memory_max_mb"],
        ]
        for step in steps
    ]
    head = ["calls", "", "failed", "turn p95", "audio late p99", "clock late p99", "CPU", "MB"]
    drawn = plot("Turn response p95 by calls", "calls", "ms", [
        Series("turn", "one", [(step["calls"], step["turn_p95_ms"]) for step in steps]),
    ])  # fmt: skip
    return (
        f"<h2>Capacity: {capacity['calls']} calls</h2><p>{escape(words)}</p>"
        f"<p class='soft'>The generator itself was in time up to "
        f"{capacity['generator_valid_up_to']} calls. What follows is the run at the knee.</p>"
        f"<div class='plots'>{_table(head, rows)}{drawn}</div>"
    )


def _baseline(document: Mapping[str, Any]) -> str:
    if document["baseline"] is None:
        return ""
    rows = []
    for each in document["baseline"]:
        change = each["change"]
        if each["then"] == each["now"]:
            continue
        text = "" if change is None else f"{change:+.1%}"
        if change is not None and each["more_is_worse"] and abs(change) >= 0.05:
            text = _mark(text, good=change < 0)
        rows.append([each["name"], each["then"], each["now"], text])
    return "<h2>Against the baseline</h2>" + _table(["", "then", "now", "change"], rows)


def _counts(document: Mapping[str, Any]) -> str:
    rows = [[means, document["figures"].get(name)] for name, means in COUNTS.items()]
    ended = [[f"ended by: {who}", count] for who, count in document["ends"].items()]
    return "<h2>Counts</h2>" + _table(["", ""], rows + ended)


# Numbers for the plots


def _over(moments: Iterable[Mapping[str, Any]], name: str) -> list[tuple[float, float | None]]:
    return [(moment["at_s"], moment[name]) for moment in moments]


def _waits(document: Mapping[str, Any]) -> dict[str, list[tuple[float, float | None]]]:
    """Every single wait by measure: when it was over, how long it was."""
    found: dict[str, list[tuple[float, float | None]]] = {name: [] for name in _COLOURS}
    for call in document["calls"]:
        up_s = call["up_s"]
        if call["webhook_ms"] is not None:
            found["webhook"].append((call["placed_s"], call["webhook_ms"]))
        if call["answer_ms"] is not None and up_s is not None:
            found["answer"].append((up_s + call["answer_ms"] / 1000, call["answer_ms"]))
        found["turn"] += [(wait["at_s"], wait["ms"]) for wait in call["turns"]]
        found["interruption"] += [(wait["at_s"], wait["ms"]) for wait in call["interruptions"]]
    return found


def _against(document: Mapping[str, Any]) -> list[Series]:
    """Each answer at the number of calls up when it was heard, and their p95 by that number."""
    spans = [(c["up_s"], c["ended_s"]) for c in document["calls"] if c["up_s"] is not None]
    by_count: dict[int, list[float]] = defaultdict(list)
    for call in document["calls"]:
        for wait in call["turns"]:
            up = sum(begin <= wait["at_s"] < end for begin, end in spans)
            by_count[up].append(wait["ms"])
    dots = [(float(up), ms) for up, waits in by_count.items() for ms in waits]
    line = [(float(up), percentile(by_count[up], 0.95)) for up in sorted(by_count)]
    return [Series("each answer", "two", dots, "dots"), Series("p95", "one", line)]


def _binned(values: Sequence[float]) -> list[tuple[float, float | None]]:
    if not values:
        return []
    width = max(values) / BINS or 1.0
    counted = [0] * BINS
    for value in values:
        counted[min(BINS - 1, int(value / width))] += 1
    return [(width * index, float(count)) for index, count in enumerate(counted)]


# Tables


class _Html(str):
    """Text that is HTML already."""


def _mark(text: str, *, good: bool) -> str:
    return _Html(f"<td class='{'good' if good else 'bad'}'>{escape(text)}</td>")


def _table(head: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    numeric = [any(isinstance(row[i], int | float) for row in rows) for i in range(len(head))]
    top = "".join(
        f"<th{' class=n' if n else ''}>{escape(h)}</th>" for h, n in zip(head, numeric, strict=True)
    )
    body = "".join(f"<tr>{''.join(map(_cell, row, numeric))}</tr>" for row in rows)
    return f"<div class='card wide'><table><tr>{top}</tr>{body}</table></div>"


def _cell(value: Any, numeric: bool) -> str:
    if isinstance(value, _Html):
        return value
    text = escape(value) if isinstance(value, str) else number(value)
    return f"<td{' class=n' if numeric else ''}>{text}</td>"
