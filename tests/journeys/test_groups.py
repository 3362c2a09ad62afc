"""The groups of members that statements work on."""

from sqlalchemy import text

from database.engine import Database
from journeys.groups import prepare_groups


def test_no_group_has_a_second_table_that_every_commit_would_have_to_empty(database: Database) -> None:
    asked = text(
        "SELECT relname, reltoastrelid::bigint FROM pg_class "
        "WHERE relnamespace = pg_my_temp_schema() AND relname IN ('arrived', 'entering', 'moving')"
    )
    with database.transaction() as connection:
        prepare_groups(connection)
        found = {row.relname: row.reltoastrelid for row in connection.execute(asked)}

    assert found == {"arrived": 0, "entering": 0, "moving": 0}
