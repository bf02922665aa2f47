"""The tables of the records: what is known of a call during it and after it.

Owns names, types and keys; the migrations in ``migrations/`` make the same of a database. Every
value but a key may be missing: rows are written piece by piece, as things happen. Times of the day
are UTC; ``…_ms`` columns count from the moment the caller's stream opened, unless they are lengths.
"""

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    DateTime,
    Dialect,
    Float,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    TypeDecorator,
)

metadata = MetaData()


class Utc(TypeDecorator[datetime]):
    """A moment, with its zone on both databases (SQLite keeps none)."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Into the database: always UTC."""
        return None if value is None else value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Out of the database: with its zone."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


def _call_sid() -> Column[Any]:
    return Column("call_sid", String(64), primary_key=True)


def _number(name: str = "number") -> Column[Any]:
    return Column(name, Integer, primary_key=True, autoincrement=False)


calls = Table(
    "calls",
    metadata,
    _call_sid(),
    Column("seq", Integer),  # the newest entry applied: a replay begins behind it
    Column("owner", String(64)),  # the gateway process that has, or had, the call
    Column("state", String(16)),  # offered, answered, live, consulting, away, ending, ended
    Column("direction", String(32)),
    Column("caller", String(256)),
    Column("called", String(256)),
    Column("route", String(128)),
    Column("campaign", String(128)),
    Column("agent", String(128)),  # the one that answered
    Column("stir", String(64)),
    Column("offered_at", Utc),
    Column("answered_at", Utc),
    Column("ended_at", Utc),
    Column("outcome", String(32)),  # completed, transferred, missed, failed
    Column("reason", String(64)),
    Column("segments", Integer),  # streams of the carrier's: more than one after a transfer
    Column("duration_ms", Float),
    Column("heard_ms", Float),
    Column("inbound_frames", Integer),
    Column("turns", Integer),
    Column("interruptions", Integer),
    Column("response_p50_ms", Float),
    Column("response_p95_ms", Float),
    Column("response_worst_ms", Float),
    Column("model_usd", Float),
    Column("carrier_usd", Float),
    Column("cost_usd", Float),  # both together
    Column("unpriced", Boolean),  # something was used whose price is not known
    Column("consent", String(16)),  # asked, granted, declined, withdrawn
    Column("recording", String(128)),  # a file in the folder of recordings
    Column("recording_from_ms", Float),
    Column("recording_ms", Float),
    Column("recording_incomplete", String(64)),  # why a part is missing
    Column("text_purged_at", Utc),
    Column("recording_purged_at", Utc),
)
Index("calls_offered_at", calls.c.offered_at)
Index("calls_state", calls.c.state)
Index("calls_caller", calls.c.caller)
Index("calls_called", calls.c.called)

turns = Table(
    "turns",
    metadata,
    _call_sid(),
    _number(),
    Column("who", String(8)),  # caller, agent
    Column("agent", String(128)),
    Column("item_id", String(64)),
    Column("response_id", String(64)),
    Column("text", Text),
    Column("heard_text", Text),  # of an agent's words: what the caller heard
    Column("unheard_text", Text),
    Column("from_ms", Float),
    Column("to_ms", Float),
    Column("heard_ms", Float),
    Column("audio_ms", Float),
    Column("interrupted", Boolean),
    Column("cause", String(32)),  # who cut it off: caller, guardrail, operator, …
    Column("kind", String(16)),  # greeting, reply, follow_up; the stages are of the first item
    Column("endpoint_ms", Float),
    Column("model_ms", Float),
    Column("gateway_ms", Float),
    Column("play_ms", Float),
    Column("response_ms", Float),
)

events = Table(
    "events",
    metadata,
    _call_sid(),
    _number("seq"),
    Column("at", Utc),
    Column("at_ms", Float),
    Column("name", String(64)),
    Column("fields", JSON(none_as_null=True)),  # never with words in them
)

tools = Table(
    "tools",
    metadata,
    _call_sid(),
    _number(),
    Column("tool", String(128)),
    Column("agent", String(128)),
    Column("arguments", Text),
    Column("result", Text),
    Column("at_ms", Float),
    Column("duration_ms", Float),
)

handoffs = Table(
    "handoffs",
    metadata,
    _call_sid(),
    _number(),
    Column("from_agent", String(128)),
    Column("to_agent", String(128)),
    Column("at_ms", Float),
)

guardrails = Table(
    "guardrails",
    metadata,
    _call_sid(),
    _number(),
    Column("guardrail", String(256)),
    Column("at_ms", Float),
)

usage = Table(
    "usage",
    metadata,
    _call_sid(),
    _number(),
    Column("source", String(16)),  # response, transcription
    Column("source_id", String(64)),
    Column("model", String(128)),
    Column("text_in", Integer),
    Column("text_cached", Integer),
    Column("audio_in", Integer),
    Column("audio_cached", Integer),
    Column("image_in", Integer),
    Column("image_cached", Integer),
    Column("text_out", Integer),
    Column("audio_out", Integer),
    Column("billed_s", Float),
    Column("cost_usd", Float),
    Column("at_ms", Float),
)

notes = Table(
    "notes",
    metadata,
    _call_sid(),
    _number(),
    Column("text", Text),
    Column("at_ms", Float),
)

deliveries = Table(
    "deliveries",
    metadata,
    _call_sid(),
    _number("seq"),  # of the event it tells of: the order within the call
    Column("event", String(64)),  # call.started, call.ended, …
    Column("body", Text),
    Column("state", String(16)),  # pending, delivered, dead
    Column("attempts", Integer),
    Column("created_at", Utc),
    Column("next_at", Utc),
    Column("done_at", Utc),
    Column("error", String(256)),
)
Index("deliveries_state", deliveries.c.state, deliveries.c.next_at)

erased = Table(
    "erased",
    metadata,
    _call_sid(),  # nothing of this call is written any more, wherever it still waits
    Column("at", Utc),
)

evidence = Table(
    "evidence",
    metadata,
    Column(
        "id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True
    ),
    Column("at", Utc),
    Column("act", String(32)),  # purge, erase
    Column("rule", String(128)),
    Column("counts", JSON),  # what was removed: calls, turns, recordings, …
)

dials = Table(
    "dials",
    metadata,
    Column("id", String(32), primary_key=True),  # ours: the carrier's CallSid comes later, or never
    Column("key", String(128)),  # of whoever asked, so that asking again rings nobody twice
    Column("asked", String(64)),  # a digest of what was asked under that key
    Column("by", String(16)),  # api, cli, campaign, callback
    Column("to_number", String(32)),
    Column("from_number", String(32)),
    Column("agent", String(128)),
    Column("campaign", String(128)),
    Column("data", JSON(none_as_null=True)),  # what the agent is told besides
    Column("record", Boolean),
    Column("amd", String(16)),  # off, hangup, leave-message
    Column("max_minutes", Float),
    Column("ring_s", Integer),
    Column("state", String(16)),  # waiting, sending, unknown, queued, ringing, answered, ended
    Column("sequence", Integer),  # of the newest callback that counted
    Column("outcome", String(32)),  # completed, busy, no_answer, failed, canceled, machine, …
    Column("reason", String(128)),
    Column("sip_code", Integer),
    Column("answered_by", String(32)),
    Column("call_sid", String(64)),
    Column("created_at", Utc),
    Column("not_before", Utc),
    Column("expires_at", Utc),  # whoever would be rung later than this is not rung at all
    Column("sent_at", Utc),
    Column("answered_at", Utc),
    Column("ended_at", Utc),
)
Index("dials_key", dials.c.key, unique=True)
Index("dials_call_sid", dials.c.call_sid)
Index("dials_state", dials.c.state)
Index("dials_to_number", dials.c.to_number, dials.c.created_at)

do_not_call = Table(
    "do_not_call",
    metadata,
    Column("number", String(32), primary_key=True),
    Column("at", Utc),
    Column("reason", String(256)),
)

switches = Table(
    "switches",
    metadata,
    Column("name", String(32), primary_key=True),  # outbound
    Column("closed", Boolean),
    Column("at", Utc),
    Column("reason", String(256)),
)

pointed = Table(
    "pointed",
    metadata,
    Column(
        "id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True
    ),
    Column("number", String(32)),
    Column("sid", String(64)),  # PN…
    Column("at", Utc),
    Column("before", JSON),  # what the carrier had of the number, by its own names
    Column("after", JSON),
    Column("restored_at", Utc),
)
Index("pointed_number", pointed.c.number)

audit = Table(
    "audit",
    metadata,
    Column("id", String(32), primary_key=True),  # greater than those before it
    Column("at", Utc),
    Column("who", String(64)),
    Column("role", String(16)),  # viewer, operator, admin
    Column("action", String(32)),  # hang_up, approve, signed_in, …
    Column("call_sid", String(64)),
    Column("detail", String(256)),  # never what was said
)
Index("audit_at", audit.c.at)

OF_CALLS = (calls, turns, events, tools, handoffs, guardrails, usage, notes, deliveries)
"""Tables with rows of calls, each keyed by ``call_sid`` first."""

BESIDE_CALLS = (audit,)
"""Tables whose rows come through the journal as well and are of no call: they stay when one is
erased.
"""
