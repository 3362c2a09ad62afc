"""One thing that a preflight found against a campaign."""

from dataclasses import dataclass

from language.problems import Problem

MOST_EXAMPLES = 3  #: members named for one reason


@dataclass(frozen=True, kw_only=True)
class Finding:
    """Why messages would not go, or might not."""

    problem: Problem
    stops: bool  #: True: the campaign, a channel or an account would send nothing at all
    channel: str | None = None  #: None: it is about the campaign
    account: str | None = None
    count: int | None = None  #: of the members looked at, how many it is about; None: it is not about single members
    examples: tuple[str, ...] = ()  #: keys of members, MOST_EXAMPLES at most
