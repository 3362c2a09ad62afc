"""What delivering on one channel needs, besides the rows."""

import hashlib
import hmac
from dataclasses import dataclass, field
from datetime import timedelta

from campaigns.accounts import Accounts
from campaigns.rules import PlanningRules
from campaigns.sends import SettlingRules
from database.engine import Database

#: How long a claim or a mark is a worker's own, by the database's clock.
LEASE = timedelta(seconds=60)


@dataclass(frozen=True, kw_only=True)
class Carrier:
    """What delivering on one channel needs, besides the rows."""

    database: Database
    accounts: Accounts
    rules: PlanningRules
    secret: bytes
    public_url: str
    settling: SettlingRules = field(default_factory=SettlingRules)
    lease: timedelta = LEASE

    @property
    def installation(self) -> str:
        """The eight digits that tell our references from another installation's."""
        return installation_mark(self.secret)


def installation_mark(secret: bytes) -> str:
    """Return eight hexadecimal digits that stand for the installation that holds ``secret``."""
    return hmac.new(secret, b"installation", hashlib.sha256).hexdigest()[:8]
