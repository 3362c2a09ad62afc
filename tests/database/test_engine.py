"""What every connection is like, and what its errors keep to themselves."""

import pytest
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from database.engine import Database


def test_every_connection_is_in_utc_and_utf8_and_compiles_nothing(database: Database) -> None:
    with database.transaction() as connection:
        shown = {name: connection.execute(text(f"SHOW {name}")).scalar_one() for name in ("timezone", "client_encoding", "jit")}

    assert shown == {"timezone": "UTC", "client_encoding": "UTF8", "jit": "off"}


def test_an_error_does_not_quote_what_the_statement_was_given(database: Database) -> None:
    with pytest.raises(SQLAlchemyError) as caught, database.transaction() as connection:
        connection.execute(text("SELECT :phone FROM nowhere"), {"phone": "+8613800138000"})

    assert "13800138000" not in str(caught.value)
