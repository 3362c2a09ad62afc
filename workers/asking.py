"""Ask providers for what they tell only when asked."""

from functools import partial
from itertools import chain

import structlog

from campaigns.told import store_told
from channels.errors import DeliveryError
from channels.message import Callback
from config.wiring import Application

log = structlog.get_logger("workers")


def ask_providers(application: Application) -> None:
    """Keep what each provider has for us; one that cannot say now is asked again at the next bell."""

    def store(account: str, told: Callback) -> None:
        store_told(application.database, [told.named(account)], secret=application.secret)

    for account in chain.from_iterable(application.accounts.values()):
        try:
            account.provider.pull(partial(store, account.name))
        except DeliveryError as error:
            log.warning("a provider could not be asked", account=account.name, code=error.code)
