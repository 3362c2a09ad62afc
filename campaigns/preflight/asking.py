"""Ask what a campaign would do: plan it for real, take that back, and try its words on some of its members."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

from sqlalchemy import Connection

from campaigns.accounts import Account, Standing, read_standing
from campaigns.campaign import Campaign, CampaignDefinition
from campaigns.carrier import installation_mark
from campaigns.preflight.content import campaign_findings
from campaigns.preflight.finding import Finding
from campaigns.preflight.forecast import ChannelForecast, Preflight, cost_of, total
from campaigns.preflight.pace import Pace, pace_of
from campaigns.preflight.rehearsal import PlannedChannel, Rehearsed, Sampled, rehearse, taken_back
from campaigns.preflight.words import (
    Tried,
    Written,
    account_findings,
    account_forecasts,
    permissions_used_up,
    reasons,
    word_findings,
    wordings,
)
from campaigns.publishing import apply_campaigns, load_campaign
from campaigns.rules import PlanningRules
from campaigns.writing import write_message
from channels.message import Channel, Purpose
from database.engine import Database
from language.problems import Problem
from members.attributes import defined_attributes
from templates.library import Library
from templates.rendering import CompiledTemplate, RenderRefused, compile_content
from templates.text_messages import SignedBy

SAMPLE = 200  #: members of each channel whose words are tried


@dataclass(frozen=True, kw_only=True)
class Asked:
    """Which campaign, and of whom."""

    name: str  #: of the campaign
    definition: CampaignDefinition | None = None  #: in place of the published one; None: as it is published
    segment: str | None = None  #: narrows the audience; None: as the campaign says
    sample: int = SAMPLE  #: members of each channel whose words are tried, at most


@dataclass(frozen=True, kw_only=True)
class Installation:
    """What a preflight needs to know of where it runs."""

    accounts: Mapping[str, Sequence[Account]]  #: by channel
    library: Library
    rules: PlanningRules
    secret: bytes
    public_url: str
    signed_by: SignedBy
    zone: ZoneInfo  #: where a day's quota begins at midnight
    sensitive_words: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class _Planned:
    """What is left of the rehearsal."""

    campaign: Campaign
    rehearsed: Rehearsed
    standing: Mapping[str, Standing]
    attributes: frozenset[str]  #: that somebody defined


@dataclass(frozen=True, kw_only=True)
class _Writing:
    """What one channel's messages have in common."""

    template: CompiledTemplate
    channel: Channel
    purpose: Purpose
    installation: Installation
    mark: str  #: that the installation's references begin with


def preflight(database: Database, asked: Asked, installation: Installation, *, now: datetime) -> Preflight:
    """Say what would become of the campaign if it were launched at ``now``; the database is left as it was.

    Raises:
        InputRefused: there is no such campaign or segment, or the definition cannot be applied.
    """
    with database.transaction() as connection, taken_back(connection):
        planned = _plan(connection, asked, installation, now)
    tried = [_try_words(planned, channel, installation) for channel in planned.campaign.definition.channels]
    findings = [*_audience_findings(planned)]
    findings += campaign_findings(planned.campaign, installation.library, installation.signed_by, planned.attributes)
    for each in tried:
        findings += word_findings(each, installation.sensitive_words)
        accounts = installation.accounts[each.channel]
        with database.transaction() as connection:
            used_up = permissions_used_up(connection, each, accounts)
        findings += account_findings(each, accounts, used_up)
    paired = zip(planned.rehearsed.channels, tried, strict=True)
    channels = tuple(_forecast(channel, each, planned, installation, now) for channel, each in paired)
    for forecast in channels:
        findings += _pace_findings(forecast, planned.standing, installation.accounts[forecast.channel])
    return _told(planned, asked, channels, findings, now)


def _plan(connection: Connection, asked: Asked, installation: Installation, now: datetime) -> _Planned:
    if asked.definition is not None:
        apply_campaigns(connection, [asked.definition], installation.library, now=now)
    campaign = _narrowed(load_campaign(connection, asked.name), asked.segment)
    rehearsed = rehearse(connection, campaign, now=now, rules=installation.rules, sample=asked.sample)
    names = [account.name for channel in campaign.definition.channels for account in installation.accounts[channel]]
    standing = read_standing(connection, names, day=now.astimezone(installation.zone).date())
    return _Planned(campaign=campaign, rehearsed=rehearsed, standing=standing, attributes=defined_attributes(connection))


def _narrowed(campaign: Campaign, segment: str | None) -> Campaign:
    """Return the campaign with its audience cut down to a segment."""
    if segment is None:
        return campaign
    own = campaign.definition.audience
    audience: dict[str, object] = {"segment": segment}
    if own is not None:
        audience = {"all": [own, audience]}
    return replace(campaign, definition=campaign.definition.model_copy(update={"audience": audience}))


def _try_words(planned: _Planned, channel: str, installation: Installation) -> Tried:
    written: list[Written] = []
    unwritten: dict[str, list[str]] = {}
    samples = planned.rehearsed.samples[channel]
    writing = _Writing(
        template=compile_content(planned.campaign.template_content),
        channel=Channel(channel),
        purpose=Purpose(planned.campaign.definition.purpose),
        installation=installation,
        mark=installation_mark(installation.secret),
    )
    for sampled in samples:
        try:
            written.append(_write(sampled, writing))
        except RenderRefused as refused:
            unwritten.setdefault(f"words:{refused.reason}", []).append(sampled.key)
    return Tried(channel=channel, sampled=len(samples), written=written, unwritten=unwritten)


def _write(sampled: Sampled, writing: _Writing) -> Written:
    message, words = write_message(
        sampled.send,
        writing.template,
        {**sampled.facts, "brand": writing.installation.rules.brand},
        channel=writing.channel,
        purpose=writing.purpose,
        secret=writing.installation.secret,
        public_url=writing.installation.public_url,
        installation=writing.mark,
    )
    return Written(sampled=sampled, message=message, parts=words.billed_parts, language=words.language)


def _forecast(
    channel: PlannedChannel, tried: Tried, planned: _Planned, installation: Installation, now: datetime
) -> ChannelForecast:
    accounts = installation.accounts[channel.channel]
    price = installation.rules.prices.get(channel.channel, Decimal(0))
    priced = account_forecasts(tried, channel.messages, accounts, price)
    return ChannelForecast(
        channel=channel.channel,
        messages=channel.messages,
        withheld=channel.withheld,
        quiet=channel.quiet,
        sampled=tried.sampled,
        written=len(tried.written),
        unwritten=reasons(tried),
        words=wordings(tried),
        accounts=priced,
        cost=cost_of(priced),
        first_at=channel.first_at,
        last_at=channel.last_at,
        pace=_pace(channel, planned, accounts, installation, now),
    )


def _pace(
    channel: PlannedChannel, planned: _Planned, accounts: Sequence[Account], installation: Installation, now: datetime
) -> Pace | None:
    if channel.first_at is None or channel.last_at is None:
        return None
    return pace_of(
        channel.messages,
        accounts,
        planned.standing,
        now=now,
        first_at=channel.first_at,
        last_at=channel.last_at,
        lasts=planned.campaign.definition.expires_after or installation.rules.expires_after,
        zone=installation.zone,
    )


def _audience_findings(planned: _Planned) -> Iterator[Finding]:
    launched = planned.rehearsed.launched
    definition = planned.campaign.definition
    if definition.audience is None and definition.schedule is None:
        sentence = "the campaign names no audience, so everybody is considered here; where a journey sends it, the journey chooses"
        yield Finding(problem=Problem(sentence=sentence), stops=False)
    if launched.considered == 0:
        yield Finding(problem=Problem(sentence="there is nobody in the audience"), stops=True)
    elif launched.planned.waiting == 0:
        yield Finding(problem=Problem(sentence="nobody in the audience would be sent anything"), stops=True)


def _pace_findings(
    forecast: ChannelForecast, standing: Mapping[str, Standing], accounts: Sequence[Account]
) -> Iterator[Finding]:
    pace = forecast.pace
    if pace is not None and pace.left is not None and forecast.messages > pace.left:
        sentence = (
            "the accounts' quotas have room for {left} of {messages} messages on the first day; it takes {days} days"
        )
        values = {"left": pace.left, "messages": forecast.messages, "days": pace.days}
        yield Finding(problem=Problem(sentence=sentence, values=values), stops=False, channel=forecast.channel)
    if pace is not None and pace.late:
        sentence = "{count} messages would be given up before the accounts have room for them"
        yield Finding(
            problem=Problem(sentence=sentence, values={"count": pace.late}), stops=False, channel=forecast.channel
        )
    for account in accounts if forecast.messages else ():
        if standing[account.name].trips:
            problem = Problem(sentence="this account is in trouble just now and left alone until one message goes well")
            yield Finding(problem=problem, stops=False, channel=forecast.channel, account=account.name)


def _told(
    planned: _Planned, asked: Asked, channels: tuple[ChannelForecast, ...], findings: Sequence[Finding], now: datetime
) -> Preflight:
    campaign, launched = planned.campaign, planned.rehearsed.launched
    return Preflight(
        campaign=campaign.name,
        state=campaign.state,
        purpose=campaign.definition.purpose,
        at=now,
        has_audience=campaign.definition.audience is not None,
        segment=asked.segment,
        considered=launched.considered,
        messages=launched.planned.waiting,
        withheld=launched.planned.withheld,
        refused=planned.rehearsed.refused,
        channels=channels,
        cost=total([channel.cost for channel in channels]),
        findings=tuple(sorted(findings, key=lambda finding: not finding.stops)),
    )
