"""Upgrade and downgrade a database's schema."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection

from database.engine import Database

FOLDER = Path(__file__).parent


def _configuration(connection: Connection | None = None) -> Config:
    configuration = Config()
    configuration.set_main_option("script_location", str(FOLDER))
    configuration.attributes["connection"] = connection
    return configuration


def upgrade(url: str, *, schema: str | None = None, revision: str = "head") -> None:
    """Bring the database up to ``revision``; does nothing where it is there already."""
    database = Database(url, schema=schema)
    with database.transaction() as connection:
        command.upgrade(_configuration(connection), revision)
    database.close()


def downgrade(url: str, *, revision: str, schema: str | None = None) -> None:
    """Take the database back to ``revision``; ``base`` leaves nothing."""
    database = Database(url, schema=schema)
    with database.transaction() as connection:
        command.downgrade(_configuration(connection), revision)
    database.close()
