"""Fewer foreign keys where rows are written by the thousand.

Each asks once per row for what the statement that writes the row has just read, or for
what another key of the same row asks already.  What a send must never be without keeps
its key: its member, its campaign, its address, and the arm that was drawn.
"""

from alembic import op

revision = "0002"
down_revision = "0001"

#: Table, column, and the table it names.
DROPPED = (
    ("unprocessed_events", "event_id", "events"),
    ("facts", "member_id", "members"),
    ("sends", "enrolment_id", "enrolments"),
    ("sends", "template_version_id", "template_versions"),
)


def upgrade() -> None:
    for table, column, _ in DROPPED:
        op.drop_constraint(f"{table}_{column}_fkey", table, type_="foreignkey")


def downgrade() -> None:
    for table, column, named in reversed(DROPPED):
        op.create_foreign_key(f"{table}_{column}_fkey", table, named, [column], ["id"])
