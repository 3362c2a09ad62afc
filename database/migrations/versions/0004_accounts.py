"""How the accounts that carry a channel stand, and a way to look at the last minute's hand-overs."""

from alembic import op

revision = "0004"
down_revision = "0003"

ACCOUNTS = """
CREATE TABLE accounts (
    name text CONSTRAINT accounts_pkey PRIMARY KEY,
    share smallint NOT NULL DEFAULT 100,
    shared_at timestamptz,
    trips smallint NOT NULL DEFAULT 0,
    open_until timestamptz,
    paced_to timestamptz,
    quota_day date,
    used integer NOT NULL DEFAULT 0,
    CONSTRAINT accounts_share_is_a_percentage_check CHECK (share BETWEEN 0 AND 100)
)
"""


def upgrade() -> None:
    op.execute(ACCOUNTS)
    op.execute("CREATE INDEX attempts_marked_at_index ON attempts USING brin (marked_at) WITH (autosummarize = on)")


def downgrade() -> None:
    op.execute("DROP INDEX attempts_marked_at_index")
    op.execute("DROP TABLE accounts")
