"""The first words of the command line: where each is found, and in one sentence what it is for.

The sentences stand here a second time so that ``tidings --help`` can say them without
reading the modules; a test holds them to what the commands say of themselves.
"""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class FirstWord:
    """A word that a command line may begin with."""

    sentence: str
    module: str | None = None  #: of ``console.commands``; None: the one called as the word
    is_command: bool = False  #: False: commands stand under it


WORDS: Mapping[str, FirstWord] = {
    "up": FirstWord(
        "Run workers, scheduler and HTTP side on this machine, with embedded engines where none are named.",
        module="running", is_command=True,
    ),
    "worker": FirstWord("Run only the workers that answer bells.", module="running", is_command=True),
    "scheduler": FirstWord("Run only the scheduler; any number may run at once.", module="running", is_command=True),
    "api": FirstWord(
        "Run only the public HTTP side: events, callbacks, clicks and unsubscribes.", module="running", is_command=True
    ),
    "db": FirstWord("The database's tables: upgrade, downgrade, status.", module="database"),
    "consent": FirstWord("Consent: show, record, request, confirm, verify."),
    "doctor": FirstWord("Say what is running, what is misconfigured, and how to mend it.", is_command=True),
    "simulator": FirstWord(
        "Run pretend SMS, WeChat and mail providers until stopped; they misbehave as told.", is_command=True
    ),
    "lift": FirstWord(
        "Compare treated with control: rates, lift, intervals, p-value and one verdict.", is_command=True
    ),
    "size": FirstWord(
        "Say how many members are needed, and what an audience of a given size can show.", is_command=True
    ),
    "why": FirstWord(
        "Say why a member got something or did not: draw, steps, refusals, attempts, receipts, responses.",
        is_command=True,
    ),
    "demo": FirstWord(
        "Make members up, run the library's journeys over their last 120 days, and report what the messages caused.",
        is_command=True,
    ),
    "keys": FirstWord("API keys and callback addresses: create, list, revoke, callbacks."),
    "members": FirstWord("Members: import, imports, maps, show, tag, place, merge, export, erase."),
    "events": FirstWord("Events: import."),
    "journeys": FirstWord("Journeys: check, apply, list, show, pause, resume, stop, replay."),
    "campaigns": FirstWord("Campaigns: check, apply, list, preflight, launch, pause, resume, cancel."),
    "report": FirstWord("What came of it: campaign, journey."),
    "templates": FirstWord("The words: list, check, preview."),
    "bounces": FirstWord("Mails that came back: read them."),
    "sms": FirstWord("Text messages: count and price one before it is sent."),
    "providers": FirstWord("Providers: list, test, stats."),
    "facts": FirstWord("Facts: show, rebuild."),
    "sources": FirstWord("Events from SQL databases: apply, list, test, pull, errors, drop."),
    "attributes": FirstWord("Attributes of members: list, define, apply, drop."),
    "tiers": FirstWord("Tiers: apply, preview, list, show, drop."),
    "points": FirstWord("Points: apply, balance, history, burn, adjust, totals, drop."),
    "occasions": FirstWord("Occasions: apply, list, preview, drop."),
    "segments": FirstWord("Segments: check, apply, list, count, sample, reasons, explain, schema."),
    "stores": FirstWord("Stores: import, list."),
    "coupons": FirstWord("Coupons: apply, import, list, show, issue, redeem."),
    "surveys": FirstWord("Surveys: apply, list, results."),
    "rfm": FirstWord("RFM: apply, run, show, cells."),
    "predictions": FirstWord("Predictions: apply, fit, show, check."),
    "together": FirstWord("Bought together and next: apply, run, show."),
    "clusters": FirstWord("Clusters: apply, fit, show, explain, name."),
}
