"""The one place where the parts meet: settings in, a running application out."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from itertools import chain

from campaigns.accounts import Account
from channels.registry import PROVIDERS, open_provider
from channels.wechat.tokens import TokenStore
from config.callback_addresses import callback_address
from config.carriers import carriers
from config.foundation import Foundation, open_foundation
from config.settings import ProviderChoice, Settings, read_settings
from config.token_store import SharedTokens
from templates.library import BUILT_IN, Library, load_library


@dataclass(frozen=True, kw_only=True)
class Application(Foundation):
    """Everything a worker or web process needs, opened once and handed down."""

    library: Library
    accounts: Mapping[str, Sequence[Account]]  #: by channel

    @property
    def every_account(self) -> Iterator[Account]:
        """The accounts of all channels."""
        return chain.from_iterable(self.accounts.values())

    def account(self, name: str) -> Account | None:
        """Return the account of that name; None: there is none."""
        return next((each for each in self.every_account if each.name == name), None)


@contextmanager
def open_application(settings: Settings | None = None) -> Iterator[Application]:
    """Open everything and close it at the end; None: read the settings first.

    Raises:
        InputRefused: the settings are wrong.
    """
    settings = settings or read_settings()
    with ExitStack() as held:
        ground = held.enter_context(open_foundation(settings))
        tokens = SharedTokens(ground.database, secret=ground.secret)
        accounts: dict[str, Sequence[Account]] = {
            channel: tuple(_closed_by(held, open_account(settings, choice, ground.secret, tokens=tokens)) for choice in choices)
            for channel, choices in carriers(settings).items()
        }
        yield Application(**vars(ground), library=installation_library(settings), accounts=accounts)


def installation_library(settings: Settings) -> Library:
    """Find the built-in templates and the installation's own.

    Raises:
        InputRefused: the folder that the settings name is not there.
    """
    return load_library(BUILT_IN) if settings.templates is None else load_library(BUILT_IN, settings.templates)


def open_account(settings: Settings, choice: ProviderChoice, secret: bytes, *, tokens: TokenStore | None = None) -> Account:
    """Make an account's provider; it connects when it is first used."""
    return Account(
        name=choice.name,
        provider=open_provider(choice.provider, provider_settings(settings, choice, secret), tokens=tokens),
        weight=choice.weight,
        per_second=choice.per_second,
        per_day=choice.per_day,
        prices=choice.prices,
    )


def _closed_by(held: ExitStack, account: Account) -> Account:
    """Have an account closed at the end, also where one after it cannot be opened."""
    held.callback(account.provider.close)
    return account


def provider_settings(settings: Settings, choice: ProviderChoice, secret: bytes) -> Mapping[str, object]:
    """Return a provider's settings, with our own callback address where it is told one and none is set."""
    own = dict(choice.own_settings())
    if "callback_url" in PROVIDERS[choice.provider].settings.model_fields and own.get("callback_url") is None:
        own["callback_url"] = callback_address(secret, choice.name, public_url=str(settings.public_url))
    return own
