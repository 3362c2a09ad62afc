"""How long it is kept what an import changed."""

from datetime import datetime, timedelta

from sqlalchemy import Connection, text

#: For so long an import can be undone.
KEPT_FOR = timedelta(days=30)

_CHANGES = "DELETE FROM import_changes USING imports WHERE imports.id = import_id AND started_at < :before"
_MADE = "UPDATE imports SET made = '{}' WHERE started_at < :before AND made <> '{}'"


def forget_old_changes(connection: Connection, *, now: datetime) -> None:
    """Let go of what is needed to undo imports that can no longer be undone."""
    for statement in (_CHANGES, _MADE):
        connection.execute(text(statement), {"before": now - KEPT_FOR})
