"""Ask providers for what they tell only when asked."""

import time
from functools import partial

import structlog

from campaigns.accounts import Account
from campaigns.sends import take_unheard
from campaigns.told import store_told
from channels.errors import DeliveryError
from channels.message import Callback, DeliveryReport
from config.wiring import Application

log = structlog.get_logger("workers")

#: Seconds in which questions about messages that were accepted earlier may begin, for one provider.
ASKING = 30.0


def ask_providers(application: Application) -> None:
    """Keep what each provider has for us; one that cannot say now is asked again at the next bell."""

    def store(account: str, told: Callback) -> None:
        store_told(application.database, [told.named(account)], secret=application.secret)

    for account in application.every_account:
        try:
            account.provider.pull(partial(store, account.name))
            if account.provider.can_ask_after:
                store(account.name, Callback(reports=_heard_of(application, account)))
        except DeliveryError as error:
            log.warning("a provider could not be asked", account=account.name, code=error.code)


def _heard_of(application: Application, account: Account) -> tuple[DeliveryReport, ...]:
    """Ask what became of accepted messages of which nothing was heard."""
    with application.database.transaction() as connection:
        unheard = take_unheard(connection, account.name)
    return tuple(account.provider.ask_after(unheard, deadline=time.monotonic() + ASKING)) if unheard else ()
