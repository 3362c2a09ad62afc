"""Ask providers for what they tell only when asked."""

import structlog

from campaigns.told import store_told
from channels.errors import DeliveryError
from channels.message import Callback
from config.wiring import Application

log = structlog.get_logger("workers")


def ask_providers(application: Application) -> None:
    """Keep what each provider has for us; one that cannot say now is asked again at the next bell."""

    def store(told: Callback) -> None:
        store_told(application.database, [told], secret=application.secret)

    for provider in application.providers.values():
        try:
            provider.pull(store)
        except DeliveryError as error:
            log.warning("a provider could not be asked", provider=provider.name, code=error.code)
