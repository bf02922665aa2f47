"""Tables of what is rung, and of the numbers that were pointed at a gateway."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

_MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Makes them; one that is there already is left as it is."""
    _dials()
    op.create_table(
        "do_not_call",
        sa.Column("number", sa.String(32), primary_key=True),
        sa.Column("at", _MOMENT),
        sa.Column("reason", sa.String(256)),
        if_not_exists=True,
    )
    op.create_table(
        "switches",
        sa.Column("name", sa.String(32), primary_key=True),
        sa.Column("closed", sa.Boolean),
        sa.Column("at", _MOMENT),
        sa.Column("reason", sa.String(256)),
        if_not_exists=True,
    )
    _pointed()


def _dials() -> None:
    op.create_table(
        "dials",
        sa.Column("id", sa.String(32), primary_key=True),
        sa.Column("key", sa.String(128)),
        sa.Column("asked", sa.String(64)),
        sa.Column("by", sa.String(16)),
        sa.Column("to_number", sa.String(32)),
        sa.Column("from_number", sa.String(32)),
        sa.Column("agent", sa.String(128)),
        sa.Column("campaign", sa.String(128)),
        sa.Column("data", sa.JSON),
        sa.Column("record", sa.Boolean),
        sa.Column("amd", sa.String(16)),
        sa.Column("max_minutes", sa.Float),
        sa.Column("ring_s", sa.Integer),
        sa.Column("state", sa.String(16)),
        sa.Column("sequence", sa.Integer),
        sa.Column("outcome", sa.String(32)),
        sa.Column("reason", sa.String(128)),
        sa.Column("sip_code", sa.Integer),
        sa.Column("answered_by", sa.String(32)),
        sa.Column("call_sid", sa.String(64)),
        sa.Column("created_at", _MOMENT),
        sa.Column("not_before", _MOMENT),
        sa.Column("expires_at", _MOMENT),
        sa.Column("sent_at", _MOMENT),
        sa.Column("answered_at", _MOMENT),
        sa.Column("ended_at", _MOMENT),
        if_not_exists=True,
    )
    op.create_index("dials_key", "dials", ["key"], unique=True, if_not_exists=True)
    op.create_index("dials_call_sid", "dials", ["call_sid"], if_not_exists=True)
    op.create_index("dials_state", "dials", ["state"], if_not_exists=True)
    op.create_index("dials_to_number", "dials", ["to_number", "created_at"], if_not_exists=True)


def _pointed() -> None:
    op.create_table(
        "pointed",
        sa.Column(
            "id",
            sa.BigInteger().with_variant(sa.Integer, "sqlite"),
            primary_key=True,
            autoincrement=True,
        ),
        sa.Column("number", sa.String(32)),
        sa.Column("sid", sa.String(64)),
        sa.Column("at", _MOMENT),
        sa.Column("before", sa.JSON),
        sa.Column("after", sa.JSON),
        sa.Column("restored_at", _MOMENT),
        if_not_exists=True,
    )
    op.create_index("pointed_number", "pointed", ["number"], if_not_exists=True)
