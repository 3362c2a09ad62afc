"""The one application that this process's actors work for."""

from collections.abc import Mapping
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from campaigns.accounts import Accounts
from campaigns.carrier import Carrier
from campaigns.sends import SettlingRules
from config.wiring import Application


@dataclass(kw_only=True)
class Installation:
    """What the actors of this process need; set once before the worker starts."""

    application: Application
    carriers: Mapping[str, Carrier]  #: by channel
    settling: SettlingRules
    stopping: bool = False  #: set on the way out, so that delivery gives back what it has not begun

    def is_stopping(self) -> bool:
        """Say whether the process has been asked to end."""
        return self.stopping


_installed: list[Installation] = []


def install(application: Application) -> Installation:
    """Make ``application`` the one this process works for."""
    settings = application.settings
    settling = SettlingRules(settle_after=settings.settling.after, close_after=settings.settling.close_after)
    carriers = {
        channel: Carrier(
            database=application.database,
            accounts=Accounts(database=application.database, accounts=accounts, zone=ZoneInfo(settings.time_zone)),
            rules=application.rules,
            secret=application.secret,
            public_url=application.public_url,
            settling=settling,
            lease=settings.workers.lease,
        )
        for channel, accounts in application.accounts.items()
    }
    _installed[:] = [Installation(application=application, carriers=carriers, settling=settling)]
    return _installed[0]


def installed() -> Installation:
    """Return the installation of this process.

    Raises:
        RuntimeError: nothing was installed; an actor ran outside a worker.
    """
    if not _installed:
        raise RuntimeError("no application is installed in this process")
    return _installed[0]
