"""Who somebody is, what follows from what they do, and what people define about it."""

from pathlib import Path

from alembic import op
from sqlalchemy import text

revision = "0007"
down_revision = "0006"

TABLES = Path(__file__).with_suffix(".sql")

NAMES = (
    "bought_together", "consent_links", "definitions", "erasures", "fits", "pulls", "stores", "touched_members",
    "upkeep", "channel_facts", "coupons", "identifiers", "import_changes", "member_clusters", "member_places",
    "member_tiers", "merge_conflicts", "merges", "order_facts", "points", "predictions", "rfm_scores",
    "segment_members", "segment_rechecks", "survey_answers",
)  # fmt: skip


def upgrade() -> None:
    op.execute(text(TABLES.read_text(encoding="utf-8").replace(":", r"\:")))
    op.execute("ALTER TABLE members ADD COLUMN merged_into bigint")
    op.execute("ALTER TABLE consents ADD COLUMN proof_digest bytea")
    op.execute(
        "ALTER TABLE imports DROP CONSTRAINT imports_kind_digest_key, ADD COLUMN last_at timestamptz, "
        "ADD COLUMN undone_at timestamptz, ADD COLUMN made int8multirange NOT NULL DEFAULT '{}'"
    )
    op.execute("CREATE UNIQUE INDEX imports_kind_digest_index ON imports (kind, digest) WHERE undone_at IS NULL")


def downgrade() -> None:
    op.execute("DROP INDEX imports_kind_digest_index")
    op.execute("DELETE FROM import_changes")
    op.execute("DELETE FROM imports WHERE undone_at IS NOT NULL")
    op.execute(
        "ALTER TABLE imports DROP COLUMN last_at, DROP COLUMN undone_at, DROP COLUMN made, "
        "ADD CONSTRAINT imports_kind_digest_key UNIQUE (kind, digest)"
    )
    op.execute("ALTER TABLE consents DROP COLUMN proof_digest")
    op.execute("ALTER TABLE members DROP COLUMN merged_into")
    op.execute("DROP TABLE " + ", ".join(NAMES))
