"""What a provider tells only when asked reaches the ledger, and one that is away stops no other."""

from types import SimpleNamespace
from typing import cast

from sqlalchemy import select

from campaigns.accounts import Account
from channels.errors import ProviderUnavailable
from channels.message import Callback, Channel, Contact, ContactKind
from channels.provider import Provider
from database.engine import Database
from database.tables import events
from tests.makers import NOON, SECRET, addresses_of, make_members
from workers.asking import ask_providers


class Away:
    name = "email.away"
    can_ask_after = False

    def pull(self, _store: object) -> None:
        raise ProviderUnavailable("nobody answers", provider=self.name)


class Telling:
    name = "wechat.telling"
    can_ask_after = False

    def pull(self, store) -> None:
        openid = addresses_of("m1")["wechat"]
        contact = Contact(
            provider=self.name, key="1", channel=Channel.WECHAT, address=openid, kind=ContactKind.TAPPED, occurred_at=NOON
        )
        store(Callback(contacts=(contact,)))


def test_one_provider_that_is_away_keeps_no_other_from_being_heard(database: Database) -> None:
    with database.transaction() as connection:
        make_members(connection, 1)
    accounts = [Account(name=each.name, provider=cast(Provider, each)) for each in (Away(), Telling())]
    application = SimpleNamespace(database=database, secret=SECRET, every_account=accounts)

    ask_providers(application)  # type: ignore[arg-type]
    ask_providers(application)  # type: ignore[arg-type]

    with database.transaction() as connection:
        assert list(connection.execute(select(events.c.kind)).scalars()) == ["wechat.tapped"]
