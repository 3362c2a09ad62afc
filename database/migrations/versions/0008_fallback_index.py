"""Find what waits for a channel that is used up for today without reading all that waits."""

from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    op.execute(
        "CREATE INDEX sends_stuck_index ON sends (channel, not_before) "
        "WHERE state = 'waiting' AND then_channels IS NOT NULL AND unconfirmed IS NULL"
    )


def downgrade() -> None:
    op.execute("DROP INDEX sends_stuck_index")
