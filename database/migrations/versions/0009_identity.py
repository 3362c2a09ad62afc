"""Keep erasures that the log brings back to an old copy, in which the number may be somebody else's."""

from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    op.execute("ALTER TABLE erasures ALTER COLUMN member_id DROP NOT NULL")


def downgrade() -> None:
    op.execute("DELETE FROM erasures WHERE member_id IS NULL")
    op.execute("ALTER TABLE erasures ALTER COLUMN member_id SET NOT NULL")
