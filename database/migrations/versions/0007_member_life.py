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
    "segment_members", "segment_rechecks", "survey_answers", "address_turns",
)  # fmt: skip


def upgrade() -> None:
    op.execute(text(TABLES.read_text(encoding="utf-8").replace(":", r"\:")))
    op.execute("ALTER TABLE members ADD COLUMN merged_into bigint")
    op.execute("ALTER TABLE consents ADD COLUMN proof_digest bytea")
    op.execute(
        "ALTER TABLE segments ADD COLUMN kind text NOT NULL DEFAULT 'condition', "
        "ADD COLUMN keep boolean NOT NULL DEFAULT false, "
        "ADD CONSTRAINT segments_kind_is_known_check CHECK (kind IN ('condition', 'list', 'sample'))"
    )
    op.execute("DROP INDEX events_kind_occurred_at_index")
    op.execute("CREATE INDEX events_kind_occurred_at_index ON events (kind, occurred_at) INCLUDE (member_id, value)")


def downgrade() -> None:
    op.execute("DROP INDEX events_kind_occurred_at_index")
    op.execute("CREATE INDEX events_kind_occurred_at_index ON events (kind, occurred_at)")
    op.execute("ALTER TABLE segments DROP COLUMN keep, DROP COLUMN kind")
    op.execute("ALTER TABLE consents DROP COLUMN proof_digest")
    op.execute("ALTER TABLE members DROP COLUMN merged_into")
    op.execute("DROP TABLE " + ", ".join(NAMES))
