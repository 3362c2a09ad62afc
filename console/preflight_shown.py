"""A preflight as people and programs read it."""

from dataclasses import asdict
from datetime import datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

from rich.text import Text

from campaigns.preflight import ChannelForecast, Finding, Preflight
from console.output import in_words, language, print_table, say, screen
from reports.reasons import reason_words

CENT, TENTH_OF_A_CENT = Decimal("0.01"), Decimal("0.001")


def as_data(found: Preflight, currency: str) -> dict[str, object]:
    """Return everything for programs: sentences in English and in the user's language, members by key."""
    data = asdict(found)
    data["findings"] = [_finding_data(finding) for finding in found.findings]
    return {**data, "currency": currency, "could_go": found.could_go}


def _finding_data(finding: Finding) -> dict[str, object]:
    data = asdict(finding)
    del data["problem"]
    return {"said": finding.problem.told(language()), "problem": finding.problem.told("en"), **data}


def show(found: Preflight, currency: str, zone: ZoneInfo) -> None:
    """Print everything for people: who, which words, what they cost, when they go, and what stands in the way."""
    say(
        "Preflight of {name}, as if launched at {moment}. Nothing was planned or sent.",
        name=found.campaign,
        moment=_at(found.at, zone),
    )
    _show_members(found)
    carried = [channel for channel in found.channels if channel.messages]
    if carried:
        _show_words(carried)
        _show_costs(found, carried, currency)
        _show_times(carried, zone)
    _show_findings(found)


def _show_members(found: Preflight) -> None:
    rows: list[tuple[object, ...]] = [
        (in_words("would be sent by {channel}", channel=in_words(channel.channel)), channel.messages, "")
        for channel in found.channels
    ]
    rows.append((in_words("Withheld (control)"), found.withheld, ""))
    rows += [
        (
            in_words("refused: {reason}", reason=reason_words(group.reason, language())),
            group.members,
            _named(group.examples),
        )
        for group in found.refused
    ]
    rows.append((in_words("considered"), found.considered, ""))
    print_table("Whom it would reach", ("", "Members", "such as"), rows)


def _show_words(carried: list[ChannelForecast]) -> None:
    rows = [
        (in_words(channel.channel), wording.language, wording.members, round(wording.parts, 2), wording.most_parts)
        for channel in carried
        for wording in channel.words
    ]
    print_table(
        "Their words, tried on some of them",
        ("channel", "language", "tried", "parts on average", "parts at most"),
        rows,
    )


def _show_costs(found: Preflight, carried: list[ChannelForecast], currency: str) -> None:
    rows = [
        (
            in_words(channel.channel), account.name, f"{account.share:.0%}", account.each.quantize(TENTH_OF_A_CENT),
            account.likely.quantize(CENT), account.most.quantize(CENT),
        )
        for channel in carried
        for account in channel.accounts
    ]  # fmt: skip
    print_table(
        "What it would cost if one account carried all of its channel",
        ("channel", "account", "share", "one message", "likely", "at most"),
        rows,
    )
    say(
        "Together about {likely} {currency}, shared among the accounts by weight; from {least} to {most}.",
        likely=found.cost.likely.quantize(CENT),
        least=found.cost.least.quantize(CENT),
        most=found.cost.most.quantize(CENT),
        currency=currency,
    )


def _show_times(carried: list[ChannelForecast], zone: ZoneInfo) -> None:
    rows = []
    for channel in carried:
        pace = channel.pace
        if pace is None or channel.first_at is None or channel.last_at is None:
            continue
        quota = None if pace.left is None else f"{pace.left}/{pace.per_day}"
        takes = None if pace.takes is None else _length(pace.takes)
        rows.append(
            (
                in_words(channel.channel),
                _hour(channel.first_at, zone),
                _hour(channel.last_at, zone),
                channel.quiet,
                takes,
                quota,
                pace.days,
            )
        )
    columns = ("channel", "first", "last", "wait for quiet hours", "takes", "quota", "days")
    print_table("When it would go", columns, rows)


def _show_findings(found: Preflight) -> None:
    for finding in found.findings:
        mark, style = ("✗", "red") if finding.stops else ("!", "yellow")
        line = Text(f"{mark} ", style=style)
        line.append(_sentence(finding, found), style="")
        screen().print(line)
    if found.could_go:
        say("It could go.")
    else:
        say("It could not go as it is: see what is marked ✗.")


def _sentence(finding: Finding, found: Preflight) -> str:
    told = finding.problem.told(language())
    if finding.count is not None:
        sampled = next(channel.sampled for channel in found.channels if channel.channel == finding.channel)
        told += in_words(
            " ({count} of {sampled} tried, such as {names})",
            count=finding.count,
            sampled=sampled,
            names=_named(finding.examples),
        )
    if finding.channel is None:
        return told
    place = " ".join((in_words(finding.channel), *([finding.account] if finding.account else [])))
    return in_words("{place}: {told}", place=place, told=told)


def _named(keys: tuple[str, ...]) -> str:
    return ", ".join(keys)


def _at(moment: datetime, zone: ZoneInfo) -> str:
    return f"{moment.astimezone(zone):%Y-%m-%d %H:%M}"


def _hour(moment: datetime, zone: ZoneInfo) -> str:
    return f"{moment.astimezone(zone):%m-%d %H:%M}"


def _length(takes: timedelta) -> str:
    seconds = max(1, round(takes.total_seconds()))
    return f"{seconds // 3600}:{seconds // 60 % 60:02}:{seconds % 60:02}"
