"""The tables of the first road."""

from pathlib import Path

from alembic import op
from sqlalchemy import text

revision = "0001"
down_revision = None

TABLES = Path(__file__).with_suffix(".sql")


def upgrade() -> None:
    op.execute(text(TABLES.read_text(encoding="utf-8").replace(":", r"\:")))


def downgrade() -> None:
    # Every table is the first road's, whatever order it was made in.
    op.execute(text("DROP VIEW consent_now"))
    names = op.get_bind().scalars(
        text("SELECT tablename FROM pg_tables WHERE schemaname = current_schema() AND tablename <> 'alembic_version'")
    )
    op.execute(text("DROP TABLE " + ", ".join(f'"{name}"' for name in names) + " CASCADE"))
