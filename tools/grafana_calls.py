"""The first rows of the Grafana dashboard: the calls, and what callers hear. Values only."""

from tools.grafana_panels import (
    FAILED,
    FELT,
    GREEN,
    ORANGE,
    RED,
    Panel,
    a_minute,
    always,
    grown,
    now,
    quantile,
    rate,
    share,
    stat,
    three,
)

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
)
