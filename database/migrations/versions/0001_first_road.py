"""The tables of the first road."""

from alembic import op
from sqlalchemy import text

from database.tables import metadata

revision = "0001"
down_revision = None

CONSENT_NOW = """
CREATE VIEW consent_now AS
SELECT DISTINCT ON (member_id, channel, purpose) member_id, channel, purpose, granted, occurred_at, id AS consent_id
FROM consents ORDER BY member_id, channel, purpose, occurred_at DESC, id DESC
"""


def upgrade() -> None:
    metadata.create_all(op.get_bind())
    op.execute(text(CONSENT_NOW))


def downgrade() -> None:
    op.execute(text("DROP VIEW consent_now"))
    metadata.drop_all(op.get_bind())
