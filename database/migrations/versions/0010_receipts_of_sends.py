"""Find the reports about a member's sends without reading all reports: those that name a send, and those that name none."""

from alembic import op

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    op.execute("CREATE INDEX receipts_send_index ON receipts (send_id) WHERE send_id IS NOT NULL")
    op.execute("CREATE INDEX receipts_no_send_index ON receipts (provider, provider_ref) WHERE send_id IS NULL")


def downgrade() -> None:
    op.execute("DROP INDEX receipts_no_send_index")
    op.execute("DROP INDEX receipts_send_index")
