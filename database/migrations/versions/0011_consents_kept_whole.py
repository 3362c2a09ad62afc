"""Refuse to empty the log of consent at one stroke, as it is refused line by line."""

from alembic import op

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    op.execute(
        "CREATE TRIGGER consents_kept_whole BEFORE TRUNCATE ON consents FOR EACH STATEMENT EXECUTE FUNCTION keep_consents()"
    )


def downgrade() -> None:
    op.execute("DROP TRIGGER consents_kept_whole ON consents")
