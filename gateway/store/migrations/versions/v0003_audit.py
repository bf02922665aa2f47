"""The table of who did what."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Makes it; one that is there already is left as it is."""
    op.create_table(
        "audit",
        sa.Column("id", sa.String(32), primary_key=True),
        sa.Column("at", sa.DateTime(timezone=True)),
        sa.Column("who", sa.String(64)),
        sa.Column("role", sa.String(16)),
        sa.Column("action", sa.String(32)),
        sa.Column("call_sid", sa.String(64)),
        sa.Column("detail", sa.String(256)),
        if_not_exists=True,
    )
    op.create_index("audit_at", "audit", ["at"], if_not_exists=True)
