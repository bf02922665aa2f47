"""The rows of the Grafana dashboard: what each panel asks, its unit, and how to read it.

Bands of what callers feel (0.5, 0.8, 1.2 s) are those of docs/metrics.md. Values only, `grafana.py`
makes the file of them.
"""

from dataclasses import dataclass, field
from typing import Any

WIDTH = 24
FAILED = ', outcome="failed"'
DEAD = ', outcome="dead"'
OF = 'job=~"$job", instance=~"$instance"'
BRIEFLY = "$__rate_interval"
RATE = f"[{BRIEFLY}]"
GREEN, YELLOW, ORANGE, RED = "green", "yellow", "orange", "red"
FELT: tuple[tuple[float | None, str], ...] = (
    (None, GREEN),
    (0.5, YELLOW),
    (0.8, ORANGE),
    (1.2, RED),
)
"""Up to 0.5 s conversation, up to 0.8 s acceptable, above 1.2 s "hello?"."""
PLAIN: tuple[tuple[float | None, str], ...] = ((None, "text"),)

STARTED = (
    f"1000 * process_start_time_seconds{{{OF}}} "
    f"* on (instance, job) group_left (version) gateway_build_info{{{OF}}}"
)


@dataclass(frozen=True)
class Panel:
    """One panel; ``queries`` are expressions with their legends."""

    title: str
    about: str
    unit: str
    queries: tuple[tuple[str, str], ...]
    kind: str = "timeseries"
    width: int = 8
    height: int = 8
    bands: tuple[tuple[float | None, str], ...] = PLAIN
    stacked: bool = False
    decimals: int | None = None
    most: float | None = None
    mapped: dict[str, tuple[str, str]] = field(default_factory=dict)
    """Values that are shown as words: text and colour."""


def rate(name: str, by: str = "", more: str = "") -> str:
    """A counter a second, summed by a label."""
    return f"sum{f' by ({by})' if by else ''} (rate({name}{{{OF}{more}}}{RATE}))"


def quantile(share: float, name: str, by: str = "") -> str:
    """A quantile of a histogram."""
    labels = f"le, {by}" if by else "le"
    return f"histogram_quantile({share}, {rate(f'{name}_bucket', labels)})"


def grown(name: str, by: str = "", more: str = "", over: str = "$__range") -> str:
    """How much a counter grew."""
    return f"sum{f' by ({by})' if by else ''} (increase({name}{{{OF}{more}}}[{over}]))"


def a_minute(name: str, by: str = "", more: str = "") -> str:
    """A counter a minute."""
    return f"60 * {rate(name, by, more)}"


def now(name: str, by: str = "") -> str:
    """A gauge, summed."""
    return f"sum{f' by ({by})' if by else ''} ({name}{{{OF}}})"


def always(query: str) -> str:
    """A query, or 0 while there is nothing it could find."""
    return f"{query} or on () vector(0)"


def share(part: str, whole: str) -> str:
    """One of another; 0 of nothing."""
    return always(f"{part} / ({whole} > 0)")


def three(name: str) -> tuple[tuple[str, str], ...]:
    """Half, nineteen in twenty, and 99 in a hundred."""
    return tuple((quantile(share, name), f"p{share * 100:g}") for share in (0.5, 0.95, 0.99))


def stat(title: str, about: str, unit: str, query: str, **more: Any) -> Panel:
    """One number."""
    return Panel(title, about, unit, ((query, title),), kind="stat", width=4, height=4, **more)


UP = {"0": ("away", RED), "1": ("ok", GREEN)}
ROWS: tuple[tuple[str, tuple[Panel, ...]], ...] = (
    (
        "Now",
        (
            stat("Calls", "Calls on the line.", "none", now("gateway_calls_active")),
            stat(
                "Lines in use",
                "Calls of GATEWAY_MAX_CALLS. At 100 % callers hear busy.",
                "percentunit",
                f"{now('gateway_calls_active')} / {now('gateway_calls_capacity')}",
                bands=((None, GREEN), (0.8, ORANGE), (0.95, RED)),
            ),
            stat(
                "Response, p95",
                "The caller stops speaking to the agent heard, in the time shown. Up to 0.5 s is "
                "conversation, up to 0.8 s acceptable, above 1.2 s callers say hello.",
                "s",
                f"histogram_quantile(0.95, {grown('gateway_turn_response_seconds_bucket', 'le')})",
                bands=FELT,
                decimals=2,
            ),
            stat(
                "Calls that failed",
                "Share of the calls that ended in the time shown.",
                "percentunit",
                share(grown("gateway_calls_total", more=FAILED), grown("gateway_calls_total")),
                bands=((None, GREEN), (0.01, ORANGE), (0.05, RED)),
            ),
            stat(
                "Loop lag, p99",
                "How late timers of the call loop are: what every frame may have to wait.",
                "s",
                f"max ({quantile(0.99, 'gateway_loop_lag_seconds', 'instance')})",
                bands=((None, GREEN), (0.01, ORANGE), (0.02, RED)),
                decimals=1,
            ),
            stat(
                "Draining",
                "Gateways that are going to end and take no calls.",
                "none",
                now("gateway_draining"),
                bands=((None, GREEN), (1, ORANGE)),
            ),
        ),
    ),
    (
        "What callers hear",
        (
            Panel(
                "Response",
                "The caller stops speaking to the agent heard: the number callers judge.",
                "s",
                three("gateway_turn_response_seconds"),
                width=12,
                bands=FELT,
            ),
            Panel(
                "Stages of a response, p95",
                "endpoint and model are the model's time, send is the gateway's own, play the way "
                "to the caller.",
                "s",
                ((quantile(0.95, "gateway_turn_stage_seconds", "stage"), "{{stage}}"),),
                width=12,
            ),
            Panel(
                "Responses by length",
                "How many answers took how long. What is wide is felt more than what is slow.",
                "s",
                (
                    (
                        grown(
                            "gateway_turn_response_seconds_bucket", "le", over="$__rate_interval"
                        ),
                        "{{le}}",
                    ),
                ),
                kind="heatmap",
                width=12,
            ),
            Panel(
                "First audio",
                "Stream opened to the first audio of the agent sent.",
                "s",
                three("gateway_answer_to_audio_seconds"),
                width=6,
                bands=((None, GREEN), (1, ORANGE), (2, RED)),
            ),
            Panel(
                "Barge-in",
                "The model's report of the caller's speech read to the carrier told to be silent.",
                "s",
                three("gateway_barge_in_seconds"),
                width=6,
                bands=((None, GREEN), (0.01, ORANGE), (0.02, RED)),
            ),
        ),
    ),
    (
        "Calls",
        (
            Panel(
                "Calls on the line",
                "By where they are in their life, below what is allowed.",
                "none",
                (
                    (now("gateway_calls_by_state", "state"), "{{state}}"),
                    (now("gateway_calls_capacity"), "capacity"),
                ),
            ),
            Panel(
                "Calls that ended",
                "Each minute, by outcome.",
                "none",
                ((a_minute("gateway_calls_total", "outcome"), "{{outcome}}"),),
                stacked=True,
            ),
            Panel(
                "Why they ended",
                "In the time shown.",
                "none",
                (
                    (
                        always(grown("gateway_calls_ended_total", "reason") + " > 0"),
                        "{{reason}}",
                    ),
                ),
                kind="bargauge",
            ),
            Panel(
                "Failures",
                "Each minute, by what failed.",
                "none",
                ((a_minute("gateway_failures_total", "kind"), "{{kind}}"),),
                stacked=True,
            ),
            Panel(
                "Turned away",
                "Webhooks, streams and requests each minute. capacity and draining: callers heard "
                "busy.",
                "none",
                ((a_minute("gateway_rejected_total", "reason"), "{{reason}}"),),
                stacked=True,
            ),
            Panel(
                "Length of calls",
                "From the stream to the end.",
                "s",
                (
                    (quantile(0.5, "gateway_call_duration_seconds"), "p50"),
                    (quantile(0.95, "gateway_call_duration_seconds"), "p95"),
                ),
            ),
            Panel(
                "Calls by agent",
                "In the time shown, by the agent that answered and the outcome.",
                "none",
                (
                    (
                        grown("gateway_agent_calls_total", "agent, direction, outcome"),
                        "{{agent}} {{direction}} {{outcome}}",
                    ),
                ),
                kind="bargauge",
            ),
            Panel(
                "Interruptions",
                "Each minute, by who cut the agent off, and sounds that were none.",
                "none",
                (
                    (a_minute("gateway_interruptions_total", "reason"), "{{reason}}"),
                    (a_minute("gateway_false_alarms_total"), "false alarm"),
                ),
                stacked=True,
            ),
            Panel(
                "Barge-ins for each answer",
                "Above a half the agent talks too long, or hears its own echo.",
                "percentunit",
                (
                    (
                        share(
                            grown("gateway_barge_ins_total", over="5m"),
                            grown("gateway_turns_total", over="5m"),
                        ),
                        "share",
                    ),
                ),
                bands=((None, GREEN), (0.5, ORANGE)),
            ),
        ),
    ),
    (
        "Audio path",
        (
            Panel(
                "Loop lag, p99",
                "How late timers of the call loop are, by gateway. All else here follows from it.",
                "s",
                ((quantile(0.99, "gateway_loop_lag_seconds", "instance"), "{{instance}}"),),
                bands=((None, GREEN), (0.01, ORANGE), (0.02, RED)),
            ),
            Panel(
                "Frame forward",
                "A caller's frame read to written to the model; a sample of frames.",
                "s",
                three("gateway_frame_forward_seconds"),
                bands=((None, GREEN), (0.001, ORANGE), (0.005, RED)),
            ),
            Panel(
                "Gap between caller frames",
                "20 ms when nothing is in the way; a sample of frames.",
                "s",
                three("gateway_inbound_gap_seconds"),
                bands=((None, GREEN), (0.06, ORANGE), (0.2, RED)),
            ),
            Panel(
                "Caller frames",
                "A second. 50 for each call whose caller is not muted.",
                "none",
                ((rate("gateway_caller_frames_total"), "frames"),),
            ),
            Panel(
                "Silence put in",
                "Seconds of silence a second that stood for frames that never came.",
                "s",
                ((rate("gateway_padded_seconds_total"), "padded"),),
            ),
            Panel(
                "Stale audio and oddities",
                "Each minute: audio of answers that had been cut off, and frames of the carrier's "
                "that were left out.",
                "none",
                (
                    (a_minute("gateway_stale_audio_dropped_total"), "stale audio"),
                    (
                        always(a_minute("gateway_carrier_oddities_total")),
                        "oddities",
                    ),
                ),
            ),
        ),
    ),
    (
        "Model and money",
        (
            Panel(
                "Model connect",
                "Dialled to session.created.",
                "s",
                three("gateway_model_connect_seconds"),
                bands=((None, GREEN), (1, ORANGE), (2, RED)),
            ),
            Panel(
                "Errors of models",
                "Each minute by type, and calls that lost their model.",
                "none",
                (
                    (
                        always(a_minute("gateway_model_errors_total", "type") + " > 0"),
                        "{{type}}",
                    ),
                    (a_minute("gateway_models_lost_total"), "calls lost"),
                ),
                stacked=True,
            ),
            Panel(
                "Tokens",
                "A second, by class.",
                "none",
                ((rate("gateway_tokens_total", "kind"), "{{kind}}"),),
                stacked=True,
            ),
            Panel(
                "Cost",
                "USD an hour, of models and carrier.",
                "currencyUSD",
                ((f"3600 * {rate('gateway_cost_usd_total')}", "an hour"),),
            ),
            Panel(
                "Spent today",
                "Today in UTC, and GATEWAY_MAX_USD_PER_DAY where it is set.",
                "currencyUSD",
                (
                    (f"max (gateway_spent_today_usd{{{OF}}})", "spent"),
                    (f"max (gateway_spend_limit_usd{{{OF}}})", "limit"),
                ),
            ),
            Panel(
                "Limits of spending reached",
                "In the time shown, and answers whose price is not known.",
                "none",
                (
                    (
                        always(grown("gateway_spend_reached_total", "kind, scope")),
                        "{{kind}} {{scope}}",
                    ),
                    (grown("gateway_unpriced_total"), "no price"),
                ),
                kind="bargauge",
            ),
        ),
    ),
    (
        "Agents",
        (
            Panel(
                "Tools, p95",
                "How long they take; callers hear silence meanwhile, or a filler.",
                "s",
                ((quantile(0.95, "gateway_tool_seconds", "tool"), "{{tool}}"),),
                bands=((None, GREEN), (1, ORANGE), (3, RED)),
            ),
            Panel(
                "Tool calls",
                "Each minute, by tool.",
                "none",
                ((a_minute("gateway_tool_seconds_count", "tool"), "{{tool}}"),),
                stacked=True,
            ),
            Panel(
                "Handoffs and guardrails",
                "In the time shown: which agent took over, which guardrail stopped an answer.",
                "none",
                (
                    (always(grown("gateway_handoffs_total", "agent")), "to {{agent}}"),
                    (
                        always(grown("gateway_guardrails_total", "guardrail")),
                        "{{guardrail}}",
                    ),
                ),
                kind="bargauge",
            ),
            Panel(
                "Transfers",
                "In the time shown: destinations that were rung, and those that did not take the "
                "caller.",
                "none",
                (
                    (grown("gateway_transfers_total", "kind"), "{{kind}}"),
                    (
                        always(grown("gateway_transfers_failed_total", "reason")),
                        "failed {{reason}}",
                    ),
                ),
                kind="bargauge",
            ),
            Panel(
                "Approvals",
                "Tools that wait for a person, and what was decided each minute.",
                "none",
                (
                    (now("gateway_approvals_waiting"), "waiting"),
                    (a_minute("gateway_approvals_total", "verdict"), "{{verdict}}"),
                ),
            ),
            Panel(
                "Calls we place",
                "Those that are not over by state, and those that ended each minute by outcome.",
                "none",
                (
                    (now("gateway_outbound_dials", "state"), "{{state}}"),
                    (a_minute("gateway_outbound_ended_total", "outcome"), "{{outcome}}"),
                ),
            ),
        ),
    ),
    (
        "Kept and told",
        (
            stat(
                "Database",
                "Whether it takes the records. Calls go on without.",
                "none",
                f"min (gateway_records_database_up{{{OF}}})",
                mapped=UP,
            ),
            stat(
                "Journal",
                "Whether the local disk takes the journal. Away, records wait in memory only.",
                "none",
                f"min (gateway_journal_up{{{OF}}})",
                mapped=UP,
            ),
            stat(
                "Records lost",
                "Entries that are nowhere, and those no database takes, since the start.",
                "none",
                f"{now('gateway_records_lost_total')} + {now('gateway_records_refused_total')}",
                bands=((None, GREEN), (1, RED)),
            ),
            stat(
                "Recordings with a hole",
                "In the time shown.",
                "none",
                grown("gateway_recordings_failed_total"),
                bands=((None, GREEN), (1, RED)),
                decimals=0,
            ),
            stat(
                "Webhooks given up",
                "In the time shown; only with GATEWAY_HOOK_URL.",
                "none",
                always(grown("gateway_hooks_total", more=DEAD)),
                bands=((None, GREEN), (1, ORANGE)),
                decimals=0,
            ),
            stat(
                "Recordings",
                "In the time shown.",
                "none",
                grown("gateway_recordings_total"),
                decimals=0,
            ),
            Panel(
                "Records that wait",
                "Entries that are not in the database yet, by gateway.",
                "none",
                ((now("gateway_records_backlog", "instance"), "{{instance}}"),),
                bands=((None, GREEN), (1000, ORANGE), (5000, RED)),
            ),
            Panel(
                "The carrier's webhooks, p95",
                "From the request to the answer. voice above 0.3 s: callers hear ringing longer.",
                "s",
                ((quantile(0.95, "gateway_webhook_seconds", "route"), "{{route}}"),),
                bands=((None, GREEN), (0.3, ORANGE), (1, RED)),
            ),
            Panel(
                "Webhooks delivered",
                "Attempts each minute, by what came of them.",
                "none",
                (
                    (
                        always(a_minute("gateway_hooks_total", "outcome")),
                        "{{outcome}}",
                    ),
                ),
            ),
        ),
    ),
    (
        "Process",
        (
            Panel(
                "Processor",
                "Share of one processor, by gateway. Above 0.7 there is no room for another call.",
                "percentunit",
                ((f"rate(process_cpu_seconds_total{{{OF}}}{RATE})", "{{instance}}"),),
                bands=((None, GREEN), (0.7, ORANGE), (0.9, RED)),
            ),
            Panel(
                "Memory",
                "In use, by gateway.",
                "bytes",
                ((f"process_resident_memory_bytes{{{OF}}}", "{{instance}}"),),
            ),
            Panel(
                "Open files and sockets",
                "By gateway, of what is allowed.",
                "percentunit",
                ((f"process_open_fds{{{OF}}} / process_max_fds{{{OF}}}", "{{instance}}"),),
                bands=((None, GREEN), (0.8, RED)),
                most=1,
            ),
            Panel(
                "Gateways",
                "Which versions run, and since when.",
                "dateTimeAsIso",
                (
                    (
                        STARTED,
                        "{{instance}} {{version}}",
                    ),
                ),
                kind="stat",
                width=24,
                height=4,
            ),
        ),
    ),
)
