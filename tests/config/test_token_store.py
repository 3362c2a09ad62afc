"""One access token for all processes, which the database alone does not give away."""

import threading
import time

from sqlalchemy import select, text

from channels.errors import ProviderUnavailable
from channels.wechat.tokens import AccessToken, KeptToken
from config.token_store import SharedTokens
from database.engine import Database
from database.tables import access_tokens

SECRET = b"an installation's own secret, long enough"
KEPT = KeptToken(token="the-token-itself", good_until=2_000_000_000.0, forced_at=(1.5,))


def test_what_is_kept_is_read_by_every_process_with_the_same_secret(database: Database) -> None:
    SharedTokens(database, secret=SECRET).put("wx1", KEPT)

    assert SharedTokens(database, secret=SECRET).get("wx1") == KEPT
    assert SharedTokens(database, secret=SECRET).get("wx2") == KeptToken()


def test_the_row_does_not_give_the_token_away_nor_open_for_another_secret_or_account(database: Database) -> None:
    SharedTokens(database, secret=SECRET).put("wx1", KEPT)

    with database.transaction() as connection:
        sealed = connection.scalar(select(access_tokens.c.sealed))
        connection.execute(access_tokens.insert().values(account="wx2", sealed=sealed))

    assert sealed is not None
    assert b"the-token-itself" not in sealed
    assert SharedTokens(database, secret=b"somebody else's secret").get("wx1") == KeptToken()
    assert SharedTokens(database, secret=SECRET).get("wx2") == KeptToken()


def test_one_holds_the_lock_and_the_others_give_up_in_time(database: Database) -> None:
    first, second = SharedTokens(database, secret=SECRET), SharedTokens(database, secret=SECRET)

    with first.lock("wx1", patience=1.0) as held:
        began = time.monotonic()
        with second.lock("wx1", patience=0.3) as also:
            pass
        with second.lock("wx2", patience=0.3) as another:
            pass
        waited = time.monotonic() - began
    with second.lock("wx1", patience=1.0) as afterwards:
        pass

    assert (held, also, another, afterwards) == (True, False, True, True)
    assert 0.25 < waited < 2.0


def test_sixteen_senders_of_four_processes_fetch_one_token(database: Database) -> None:
    fetched = []

    def ask(_deadline: float, force: bool) -> tuple[str, float]:
        fetched.append(force)
        time.sleep(0.2)
        return "token", 7200.0

    processes = [
        AccessToken(ask, provider="test", account="wx1", store=SharedTokens(database, secret=SECRET)) for _ in range(4)
    ]
    found: list[str] = []
    senders = [
        threading.Thread(target=lambda one=one: found.append(one.current(time.monotonic() + 10.0)))
        for one in processes
        for _ in range(4)
    ]
    for sender in senders:
        sender.start()
    for sender in senders:
        sender.join()

    assert found == ["token"] * 16
    assert fetched == [False]


def test_a_database_that_cannot_be_used_is_told_as_a_provider_that_is_away(database: Database) -> None:
    store = SharedTokens(Database(database.url, schema="there_is_no_such_schema"), secret=SECRET)

    try:
        store.get("wx1")
    except ProviderUnavailable as error:
        assert "token" in str(error)
    else:
        raise AssertionError("it was not told")

    with database.transaction() as connection:
        assert connection.scalar(text("SELECT 1")) == 1
