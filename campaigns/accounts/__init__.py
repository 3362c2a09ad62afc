"""The accounts that carry a channel: who takes the next messages, at what pace, and who is left alone for a while."""

from campaigns.accounts.account import Account
from campaigns.accounts.balancing import balance
from campaigns.accounts.choosing import Accounts, Admission
from campaigns.accounts.standing import Standing, read_standing

__all__ = ["Account", "Accounts", "Admission", "Standing", "balance", "read_standing"]
