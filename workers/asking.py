"""Ask providers for what they tell only when asked."""

import time

import structlog

from campaigns.sends import take_unheard
from campaigns.told import store_told
from channels.errors import DeliveryError
from channels.message import Callback, DeliveryReport
from channels.provider import Provider
from config.wiring import Application

log = structlog.get_logger("workers")

#: Seconds in which questions about messages that were accepted earlier may begin, for one provider.
ASKING = 30.0


def ask_providers(application: Application) -> None:
    """Keep what each provider has for us; one that cannot say now is asked again at the next bell."""

    def store(told: Callback) -> None:
        store_told(application.database, [told], secret=application.secret)

    for provider in application.providers.values():
        try:
            provider.pull(store)
            if provider.can_ask_after:
                store(Callback(reports=_heard_of(application, provider)))
        except DeliveryError as error:
            log.warning("a provider could not be asked", provider=provider.name, code=error.code)


def _heard_of(application: Application, provider: Provider) -> tuple[DeliveryReport, ...]:
    """Ask what became of accepted messages of which nothing was heard."""
    with application.database.transaction() as connection:
        unheard = take_unheard(connection, provider.name)
    return tuple(provider.ask_after(unheard, deadline=time.monotonic() + ASKING)) if unheard else ()
