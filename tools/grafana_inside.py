"""The rows below: model, agents, what is kept and told, the process. Values only."""

from tools.grafana_panels import (
    DEAD,
    GREEN,
    OF,
    ORANGE,
    RATE,
    RED,
    STARTED,
    Panel,
    a_minute,
    always,
    grown,
    now,
    quantile,
    rate,
    stat,
    three,
)

UP = {"0": ("away", RED), "1": ("ok", GREEN)}
ROWS: tuple[tuple[str, tuple[Panel, ...]], ...] = (
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
