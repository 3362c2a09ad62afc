"""Tell the story: what came before, and then one simulated day after the other."""

from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, select

import campaigns
import journeys
from campaigns.campaign import load_definitions
from campaigns.launching import schedule_launch
from campaigns.publishing import apply_campaigns, load_campaign
from console.demo.files import EVENTS_MAP, MEMBERS_MAP, in_batches
from console.demo.habits import SHOP, Deed
from console.demo.population import SHANGHAI, Resident
from console.demo.reactions import Reactions
from console.demo.road import Road
from console.demo.stage import Stage
from database.engine import set_clock
from database.tables import members
from journeys.loader import load_journeys
from journeys.publishing import apply_journeys
from members.consent import NewConsent, record_consents
from members.events import NewEvent, record
from members.events_importing import import_events
from members.import_maps import EventMap, MemberMap
from members.importing import import_members
from members.people import Person, save_people
from templates.library import load_library

#: The moment of each day, in Shanghai, at which the road is walked: in London the checks of ten o'clock are over, too.
HOUR = time(18, 5)
ONE_OFF = "new-season"  #: the campaign that is launched once, in the middle
LAUNCHED_AT = time(18, 0)
CREDIT_EVERY = 20  #: days between two passes over the responses; the last is made when the reports are
BATCH = 2000
"""Events handed over at once."""


@dataclass(frozen=True, kw_only=True)
class Story:
    """What is told: who is there, what they do by themselves, and when."""

    seed: int
    starts: date
    days: int
    members_file: Path | None  #: those who are there when it begins; None: whoever the events name
    members_map: MemberMap | None
    events_file: Path  #: what they did before
    deeds: Sequence[Deed]  #: what they do in it, in order
    newcomers: Sequence[Resident] = ()  #: those who join in it, in order

    @property
    def begins_at(self) -> datetime:
        """The first moment of the first day."""
        return datetime.combine(self.starts, time(), SHANGHAI).astimezone(UTC)

    @property
    def last_day(self) -> date:
        """The last day that is told."""
        return self.starts + timedelta(days=self.days - 1)

    @property
    def launches_at(self) -> datetime:
        """When the one-off campaign goes out."""
        day = self.starts + timedelta(days=self.days // 2)
        return datetime.combine(day, LAUNCHED_AT, SHANGHAI).astimezone(UTC)


#: Told after each day with the day and the messages that arrived so far, by channel.
Told = Callable[[date, Reactions], None]
Progress = Callable[[int, int], None]


def import_past(story: Story, stage: Stage, *, zone: ZoneInfo, members: Progress, events: Progress) -> None:
    """Bring in who is there and what they did before the story begins, through the import that everybody uses."""
    now = story.begins_at
    with stage.database.transaction() as connection:
        set_clock(connection, now)
    if story.members_file is not None:
        import_members(
            stage.database, story.members_file, mapping=story.members_map, now=now, secret=stage.secret, zone=zone,
            errors=stage.folder / "members-refused.csv", progress=members,
        )  # fmt: skip
    mapping: EventMap = EVENTS_MAP
    import_events(stage.database, story.events_file, mapping=mapping, source=SHOP, now=now, zone=zone, progress=events)


def publish(story: Story, stage: Stage) -> None:
    """Publish the library's campaigns and journeys, and set the hour of the one-off campaign."""
    now = story.begins_at
    with stage.database.transaction() as connection:
        apply_campaigns(connection, load_definitions(_definitions(campaigns.__file__)), load_library(), now=now)
        apply_journeys(connection, load_journeys(_definitions(journeys.__file__)), now=now)
        schedule_launch(connection, load_campaign(connection, ONE_OFF), at=story.launches_at)


def _definitions(package_file: str | None) -> Path:
    return Path(str(package_file)).parent / "definitions"


@dataclass
class Telling:
    """How far the story has been told."""

    story: Story
    stage: Stage
    road: Road
    reactions: Reactions
    told_until: datetime
    _moments: list[datetime] = field(default_factory=list)
    _joined: int = 0

    def tell(self, told: Told) -> datetime:
        """Tell every day; return the last moment."""
        self._moments = [deed.at for deed in self.story.deeds]
        for number in range(self.story.days):
            day = self.story.starts + timedelta(days=number)
            self._go_to(datetime.combine(day, HOUR, SHANGHAI).astimezone(UTC))
            if number % CREDIT_EVERY == CREDIT_EVERY - 1:
                self.road.credit()
            told(day, self.reactions)
        return self._end(told)

    def _go_to(self, now: datetime) -> None:
        """Let it be ``now``: what was sent the last time is reported, what happened since is told, and the road is walked."""
        self.road.go_to(now)
        self.stage.release_receipts()
        self._feed(now)
        self.road.run(now)
        with self.stage.database.transaction() as connection:
            self.reactions.notice(connection, since=self.told_until, now=now)
        self.told_until = now

    def _end(self, told: Told) -> datetime:
        """Let what is under way come to its end on the last evening: receipts, and answers that were lost."""
        self.road.settle(self.told_until)
        now = self.told_until + timedelta(minutes=25)
        self._go_to(now)
        self.road.settle(now)
        told(self.story.last_day, self.reactions)
        return now

    def _feed(self, now: datetime) -> None:
        """Hand over what happened since the last moment, as a shop's own system would."""
        start, end = (bisect_right(self._moments, moment) for moment in (self.told_until, now))
        if self.told_until == self.story.begins_at:
            start = 0
        deeds = [*self.story.deeds[start:end], *self.reactions.until(now)]
        joining = self._joining(now)
        if not deeds and not joining:
            return
        with self.stage.database.transaction() as connection:
            _welcome(connection, joining, secret=self.stage.secret, now=now)
            for batch in in_batches(deeds, BATCH):
                record(connection, [_event(deed) for deed in batch], now=now)

    def _joining(self, now: datetime) -> Sequence[Resident]:
        newcomers, first = self.story.newcomers, self._joined
        while self._joined < len(newcomers) and newcomers[self._joined].joined_at <= now:
            self._joined += 1
        return newcomers[first : self._joined]


def _event(deed: Deed) -> NewEvent:
    source = "links" if deed.kind == "message.clicked" else SHOP
    return NewEvent(
        source=source, key=deed.key, member_key=deed.member, kind=deed.kind, occurred_at=deed.at, value=deed.value, properties=deed.properties
    )


def _welcome(connection: Connection, joining: Sequence[Resident], *, secret: bytes, now: datetime) -> None:
    """Take in those who join, with what they agreed to at the door."""
    if not joining:
        return
    save_people(connection, [person_of(resident) for resident in joining], now=now, secret=secret)
    rows = connection.execute(select(members.c.key, members.c.id).where(members.c.key.in_([resident.key for resident in joining])))
    ids = {row.key: row.id for row in rows}
    told = [
        NewConsent(
            member_id=ids[resident.key], channel=channel, purpose="marketing", granted=granted,
            source=resident.door, occurred_at=resident.joined_at,
        )
        for resident in joining
        for channel, granted in resident.consents.items()
    ]  # fmt: skip
    record_consents(connection, told, now=now)


def person_of(resident: Resident) -> Person:
    """Return the member as the CRM would tell them."""
    birthday = resident.birthday
    return Person(
        key=resident.key,
        name=resident.name.written,
        language=resident.name.language,
        time_zone=resident.time_zone,
        tier=resident.tier,
        birth_year=birthday.year or None if birthday else None,
        birth_month=birthday.month if birthday else None,
        birth_day=birthday.day if birthday else None,
        birth_calendar=birthday.calendar if birthday else None,
        birth_leap_month=birthday.leap_month if birthday else False,
        joined_at=resident.joined_at,
        attributes={"city": resident.city, "points": str(resident.points)},
        phone=resident.addresses.get("sms"),
        email=resident.addresses.get("email"),
        openid=resident.addresses.get("wechat"),
    )


def members_map(story: Story) -> MemberMap:
    """Return how the members file is read."""
    return story.members_map or MEMBERS_MAP
