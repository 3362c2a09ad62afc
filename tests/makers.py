"""Make the rows that tests begin with."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from sqlalchemy import Connection, insert, select, text

from campaigns.campaign import Campaign, CampaignDefinition
from campaigns.publishing import apply_campaigns, load_campaign
from database.engine import Database
from database.tables import addresses, members
from members.conditions import Condition
from members.consent import NewConsent, record_consents
from members.people import fingerprint
from members.segments.storing import KeptSegment, store_segments
from templates.library import load_library

SECRET = b"a secret that only tests know, of 32"
NOON = datetime(2026, 8, 3, 4, tzinfo=UTC)  #: a Monday, noon in Shanghai
LIBRARY = load_library()  #: ours; what a test asks for is read and checked once for all of them


def make_members(
    connection: Connection,
    count: int,
    *,
    channels: Sequence[str] = ("sms", "email", "wechat"),
    consenting: bool = True,
    start: int = 1,
    **values: object,
) -> list[int]:
    """Make members m1, m2, … who can be reached on ``channels``; return their ids."""
    keys = [f"m{number}" for number in range(start, start + count)]
    rows = [{"key": key, "name": f"会员{key}", "joined_at": datetime(2025, 1, 1, tzinfo=UTC), **values} for key in keys]
    ids = list(connection.execute(insert(members).returning(members.c.id, sort_by_parameter_order=True), rows).scalars())
    reached = [
        {"member_id": member_id, "channel": channel, "address": address, "fingerprint": fingerprint(SECRET, channel, address)}
        for member_id, key in zip(ids, keys, strict=True)
        for channel, address in addresses_of(key).items()
        if channel in channels
    ]
    if reached:
        connection.execute(insert(addresses), reached)
    if consenting:
        consent(connection, ids, channels, granted=True, now=datetime(2025, 1, 1, tzinfo=UTC))
    return ids


def addresses_of(key: str) -> Mapping[str, str]:
    """Return the addresses that the member of this key is given."""
    number = int(key[1:])
    return {"sms": f"+86138{number:08d}", "email": f"{key}@example.com", "wechat": f"o{number:027d}"}


def consent(
    connection: Connection, ids: Sequence[int], channels: Sequence[str], *, granted: bool, now: datetime
) -> None:
    """Let members say yes or no to marketing on channels."""
    record_consents(
        connection,
        [
            NewConsent(member_id=member_id, channel=channel, purpose="marketing", granted=granted, source="test")
            for member_id in ids
            for channel in channels
        ],
        now=now,
    )


def make_campaign(connection: Connection, **terms: object) -> Campaign:
    """Put a campaign into the database, by default one of SMS to everybody with no quiet hours, and load it."""
    given = {"campaign": "new-season", "template": "new-season", "channels": ["sms"], "quiet_hours": "none", **terms}
    definition = CampaignDefinition.model_validate(given)
    apply_campaigns(connection, [definition], LIBRARY, now=NOON)
    return load_campaign(connection, definition.campaign)


def states(database: Database) -> dict[str, int]:
    """Count sends by state."""
    with database.transaction() as connection:
        return dict(connection.execute(text("SELECT state, count(*) FROM sends GROUP BY state")).tuples().all())


def member_key(connection: Connection, member_id: int) -> str:
    """Return a member's key."""
    return connection.execute(select(members.c.key).where(members.c.id == member_id)).scalar_one()


def make_segments(connection: Connection, **conditions: Condition) -> None:
    """Store segments that are not kept, with ``_`` for a dash in their names."""
    wanted = [KeptSegment(name=name.replace("_", "-"), condition=asked) for name, asked in conditions.items()]
    store_segments(connection, wanted, now=NOON)
