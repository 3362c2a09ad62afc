"""Which permission of a member's a hand-over uses up."""

from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    op.execute("ALTER TABLE attempts ADD COLUMN permission text")


def downgrade() -> None:
    op.execute("ALTER TABLE attempts DROP COLUMN permission")
