"""The migrations make the tables that the code reads, and take them away again."""

from pathlib import Path

from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import text

from database.engine import Database
from database.every_table import metadata
from database.migrations import revisions
from database.migrations.revisions import current_revision, newest_revision
from database.migrations.running import downgrade, upgrade


def test_the_migrations_make_exactly_the_tables_on_the_page(database: Database) -> None:
    with database.transaction() as connection:
        differences = compare_metadata(MigrationContext.configure(connection), metadata)

    assert differences == []


def test_a_database_goes_down_and_up_again(database: Database) -> None:
    url = database.url.render_as_string(hide_password=False)
    with database.transaction() as connection:
        connection.execute(text("CREATE SCHEMA there_and_back"))

    upgrade(url, schema="there_and_back")
    other = Database(url, schema="there_and_back")
    with other.transaction() as connection:
        assert current_revision(connection) == newest_revision()
    downgrade(url, revision="base", schema="there_and_back")
    with other.transaction() as connection:
        left = connection.execute(text("SELECT count(*) FROM pg_tables WHERE schemaname = 'there_and_back'")).scalar_one()
    other.close()

    with database.transaction() as connection:
        connection.execute(text("DROP SCHEMA there_and_back CASCADE"))
    assert left == 1  # Alembic's own note of the revision.


def test_upgrading_twice_changes_nothing(database: Database) -> None:
    upgrade(database.url.render_as_string(hide_password=False))

    with database.transaction() as connection:
        assert current_revision(connection) == newest_revision()


def test_the_revisions_we_read_are_those_that_alembic_reads(database: Database) -> None:
    scripts = ScriptDirectory(str(Path(revisions.__file__).parent))

    assert newest_revision() == scripts.get_current_head()
    with database.transaction() as connection:
        assert current_revision(connection) == MigrationContext.configure(connection).get_current_revision()


def test_a_database_that_was_never_upgraded_is_at_no_revision(database: Database) -> None:
    with database.engine.connect() as connection:
        connection.execute(text("CREATE SCHEMA never_upgraded"))
        connection.execute(text("SET LOCAL search_path TO never_upgraded"))
        found = current_revision(connection)
        connection.rollback()

    assert found is None
