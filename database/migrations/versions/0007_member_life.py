"""Who somebody is, what follows from what they do, and what people define about it."""

from pathlib import Path

from alembic import op
from sqlalchemy import text

revision = "0007"
down_revision = "0006"

TABLES = Path(__file__).with_suffix(".sql")

NAMES = (
    "bought_together", "consent_links", "definitions", "erasures", "fits", "pulls", "stores", "touched_members",
    "unlinked_consents", "upkeep", "channel_facts", "coupons", "identifiers", "import_changes", "member_clusters", "member_places",
    "member_tiers", "merge_conflicts", "merges", "order_facts", "points", "predictions", "rfm_scores",
    "segment_members", "segment_rechecks", "survey_answers", "address_turns",
)  # fmt: skip


#: Consents are added to and never changed; only a proof may go, and its digest then stays.
KEEP_CONSENTS = """
CREATE FUNCTION keep_consents() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' AND NEW.proof = '{}' AND NEW.proof_digest IS NOT NULL
        AND (to_jsonb(OLD) - 'proof' - 'proof_digest') = (to_jsonb(NEW) - 'proof' - 'proof_digest')
        AND NEW.proof_digest = coalesce(OLD.proof_digest, sha256(convert_to(OLD.proof::text, 'UTF8'))) THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'consents are only added to' USING ERRCODE = 'restrict_violation';
END $$
"""
KEPT = "CREATE TRIGGER consents_kept BEFORE UPDATE OR DELETE ON consents FOR EACH ROW EXECUTE FUNCTION keep_consents()"


def upgrade() -> None:
    op.execute(text(TABLES.read_text(encoding="utf-8").replace(":", r"\:")))
    op.execute("ALTER TABLE members ADD COLUMN merged_into bigint")
    op.execute("CREATE INDEX members_merged_into_index ON members (merged_into) WHERE merged_into IS NOT NULL")
    op.execute("ALTER TABLE consents ADD COLUMN proof_digest bytea")
    op.execute("UPDATE consents SET proof_digest = sha256(convert_to(proof::text, 'UTF8'))")
    op.execute("INSERT INTO unlinked_consents (consent_id) SELECT id FROM consents")
    op.execute(KEEP_CONSENTS)
    op.execute(KEPT)
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
    op.execute("DROP TRIGGER consents_kept ON consents")
    op.execute("DROP FUNCTION keep_consents()")
    op.execute("ALTER TABLE consents DROP COLUMN proof_digest")
    op.execute("ALTER TABLE members DROP COLUMN merged_into")
    op.execute("DROP TABLE " + ", ".join(NAMES))
