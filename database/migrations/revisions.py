"""At which revision a database is, and which one this version of the code expects.

Apart from ``running.py``, for every command asks this and hardly any has to upgrade.
"""

from importlib import import_module
from pathlib import Path

from sqlalchemy import Connection, text

VERSIONS = Path(__file__).parent / "versions"
NOTED = text("SELECT to_regclass('alembic_version') IS NOT NULL")
CURRENT = text("SELECT max(version_num) FROM alembic_version")


def current_revision(connection: Connection) -> str | None:
    """Return the revision the database is at; None: it was never upgraded."""
    if not connection.execute(NOTED).scalar_one():
        return None
    found: str | None = connection.execute(CURRENT).scalar_one()
    return found


def newest_revision() -> str:
    """Return the revision this version of the code expects: the highest number of a migration's file."""
    return max(path.name.partition("_")[0] for path in VERSIONS.glob("[0-9]*_*.py"))


def bring_up_to_date(url: str, *, schema: str | None = None) -> None:
    """Upgrade the database to the newest revision; only now is Alembic read, which takes long."""
    import_module("database.migrations.running").upgrade(url, schema=schema)
