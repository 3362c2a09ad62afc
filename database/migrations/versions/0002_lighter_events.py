"""Storing an event asks once whether its member exists, not three times."""

from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.drop_constraint("unprocessed_events_event_id_fkey", "unprocessed_events", type_="foreignkey")
    op.drop_constraint("facts_member_id_fkey", "facts", type_="foreignkey")


def downgrade() -> None:
    op.create_foreign_key("facts_member_id_fkey", "facts", "members", ["member_id"], ["id"])
    op.create_foreign_key("unprocessed_events_event_id_fkey", "unprocessed_events", "events", ["event_id"], ["id"])
