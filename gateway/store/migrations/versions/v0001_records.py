"""The first tables: what is known of a call, what is sent about it, what was removed."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

_MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Makes them; one that is there already is left as it is."""
    _calls()
    _turns()
    _events()
    _tools()
    _handoffs()
    _guardrails()
    _usage()
    _notes()
    _deliveries()
    _erased()
    _evidence()


def _calls() -> None:
    op.create_table(
        "calls",
        sa.Column("call_sid", sa.String(64), primary_key=True),
        sa.Column("seq", sa.Integer),
        sa.Column("owner", sa.String(64)),
        sa.Column("state", sa.String(16)),
        sa.Column("direction", sa.String(32)),
        sa.Column("caller", sa.String(256)),
        sa.Column("called", sa.String(256)),
        sa.Column("route", sa.String(128)),
        sa.Column("campaign", sa.String(128)),
        sa.Column("agent", sa.String(128)),
        sa.Column("stir", sa.String(64)),
        sa.Column("offered_at", _MOMENT),
        sa.Column("answered_at", _MOMENT),
        sa.Column("ended_at", _MOMENT),
        sa.Column("outcome", sa.String(32)),
        sa.Column("reason", sa.String(64)),
        sa.Column("segments", sa.Integer),
        sa.Column("duration_ms", sa.Float),
        sa.Column("heard_ms", sa.Float),
        sa.Column("inbound_frames", sa.Integer),
        sa.Column("turns", sa.Integer),
        sa.Column("interruptions", sa.Integer),
        sa.Column("response_p50_ms", sa.Float),
        sa.Column("response_p95_ms", sa.Float),
        sa.Column("response_worst_ms", sa.Float),
        sa.Column("model_usd", sa.Float),
        sa.Column("carrier_usd", sa.Float),
        sa.Column("cost_usd", sa.Float),
        sa.Column("unpriced", sa.Boolean),
        sa.Column("consent", sa.String(16)),
        sa.Column("recording", sa.String(128)),
        sa.Column("recording_from_ms", sa.Float),
        sa.Column("recording_ms", sa.Float),
        sa.Column("recording_incomplete", sa.String(64)),
        sa.Column("text_purged_at", _MOMENT),
        sa.Column("recording_purged_at", _MOMENT),
        if_not_exists=True,
    )
    op.create_index("calls_offered_at", "calls", ["offered_at"], if_not_exists=True)
    op.create_index("calls_state", "calls", ["state"], if_not_exists=True)
    op.create_index("calls_caller", "calls", ["caller"], if_not_exists=True)
    op.create_index("calls_called", "calls", ["called"], if_not_exists=True)


def _turns() -> None:
    op.create_table(
        "turns",
        sa.Column("call_sid", sa.String(64), primary_key=True),
        sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("who", sa.String(8)),
        sa.Column("agent", sa.String(128)),
        sa.Column("item_id", sa.String(64)),
        sa.Column("response_id", sa.String(64)),
        sa.Column("text", sa.Text),
        sa.Column("heard_text", sa.Text),
        sa.Column("unheard_text", sa.Text),
        sa.Column("from_ms", sa.Float),
        sa.Column("to_ms", sa.Float),
        sa.Column("heard_ms", sa.Float),
        sa.Column("audio_ms", sa.Float),
        sa.Column("interrupted", sa.Boolean),
        sa.Column("cause", sa.String(32)),
        sa.Column("kind", sa.String(16)),
        sa.Column("endpoint_ms", sa.Float),
        sa.Column("model_ms", sa.Float),
        sa.Column("gateway_ms", sa.Float),
        sa.Column("play_ms", sa.Float),
        sa.Column("response_ms", sa.Float),
        if_not_exists=True,
    )


def _events() -> None:
    op.create_table(
        "events",
        sa.Column("call_sid", sa.String(64), primary_key=True),
        sa.Column("seq", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("at", _MOMENT),
        sa.Column("at_ms", sa.Float),
        sa.Column("name", sa.String(64)),
        sa.Column("fields", sa.JSON),
        if_not_exists=True,
    )


def _tools() -> None:
    op.create_table(
        "tools",
        sa.Column("call_sid", sa.String(64), primary_key=True),
        sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("tool", sa.String(128)),
        sa.Column("agent", sa.String(128)),
        sa.Column("arguments", sa.Text),
        sa.Column("result", sa.Text),
        sa.Column("at_ms", sa.Float),
        sa.Column("duration_ms", sa.Float),
        if_not_exists=True,
    )


def _handoffs() -> None:
    op.create_table(
        "handoffs",
        sa.Column("call_sid", sa.String(64), primary_key=True),
        sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("from_agent", sa.String(128)),
        sa.Column("to_agent", sa.String(128)),
        sa.Column("at_ms", sa.Float),
        if_not_exists=True,
    )


def _guardrails() -> None:
    op.create_table(
        "guardrails",
        sa.Column("call_sid", sa.String(64), primary_key=True),
        sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("guardrail", sa.String(256)),
        sa.Column("at_ms", sa.Float),
        if_not_exists=True,
    )


def _usage() -> None:
    op.create_table(
        "usage",
        sa.Column("call_sid", sa.String(64), primary_key=True),
        sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("source", sa.String(16)),
        sa.Column("source_id", sa.String(64)),
        sa.Column("model", sa.String(128)),
        sa.Column("text_in", sa.Integer),
        sa.Column("text_cached", sa.Integer),
        sa.Column("audio_in", sa.Integer),
        sa.Column("audio_cached", sa.Integer),
        sa.Column("image_in", sa.Integer),
        sa.Column("image_cached", sa.Integer),
        sa.Column("text_out", sa.Integer),
        sa.Column("audio_out", sa.Integer),
        sa.Column("billed_s", sa.Float),
        sa.Column("cost_usd", sa.Float),
        sa.Column("at_ms", sa.Float),
        if_not_exists=True,
    )


def _notes() -> None:
    op.create_table(
        "notes",
        sa.Column("call_sid", sa.String(64), primary_key=True),
        sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("text", sa.Text),
        sa.Column("at_ms", sa.Float),
        if_not_exists=True,
    )


def _deliveries() -> None:
    op.create_table(
        "deliveries",
        sa.Column("call_sid", sa.String(64), primary_key=True),
        sa.Column("seq", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("event", sa.String(64)),
        sa.Column("body", sa.Text),
        sa.Column("state", sa.String(16)),
        sa.Column("attempts", sa.Integer),
        sa.Column("created_at", _MOMENT),
        sa.Column("next_at", _MOMENT),
        sa.Column("done_at", _MOMENT),
        sa.Column("error", sa.String(256)),
        if_not_exists=True,
    )
    op.create_index("deliveries_state", "deliveries", ["state", "next_at"], if_not_exists=True)


def _erased() -> None:
    op.create_table(
        "erased",
        sa.Column("call_sid", sa.String(64), primary_key=True),
        sa.Column("at", _MOMENT),
        if_not_exists=True,
    )


def _evidence() -> None:
    op.create_table(
        "evidence",
        sa.Column(
            "id",
            sa.BigInteger().with_variant(sa.Integer, "sqlite"),
            primary_key=True,
            autoincrement=True,
        ),
        sa.Column("at", _MOMENT),
        sa.Column("act", sa.String(32)),
        sa.Column("rule", sa.String(128)),
        sa.Column("counts", sa.JSON),
        if_not_exists=True,
    )
