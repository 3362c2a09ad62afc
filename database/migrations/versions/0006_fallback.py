"""Where a send may fall back to, where it has been, and which hand-over a report speaks of."""

from alembic import op

revision = "0006"
down_revision = "0005"

#: Table, column and type.
ADDED = (
    ("sends", "then_channels", "text[]"),
    ("sends", "confirm_within", "interval"),
    ("sends", "confirm_by", "timestamptz"),
    ("sends", "left_channels", "text[]"),
    ("sends", "unconfirmed", "smallint[]"),
    ("sends", "spent", "numeric(12, 4) NOT NULL DEFAULT 0"),
    ("sends", "earlier_attempts", "smallint NOT NULL DEFAULT 0"),
    ("attempts", "address_id", "bigint"),
    ("receipts", "attempt", "smallint"),
)

INDEXES = {
    "sends_fallback_index": "(id) WHERE then_channels IS NOT NULL AND state IN ('failed', 'refused', 'cancelled')",
    "sends_unconfirmed_index": "(confirm_by) WHERE confirm_by IS NOT NULL AND state = 'accepted'",
}


def upgrade() -> None:
    for table, column, kind in ADDED:
        op.execute(f"ALTER TABLE {table} ADD COLUMN {column} {kind}")
    for name, rows in INDEXES.items():
        op.execute(f"CREATE INDEX {name} ON sends {rows}")


def downgrade() -> None:
    for name in INDEXES:
        op.execute(f"DROP INDEX {name}")
    for table, column, _ in reversed(ADDED):
        op.execute(f"ALTER TABLE {table} DROP COLUMN {column}")
