"""The coupons that a campaign's messages carry: one for each send, the same however often its words are written."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from sqlalchemy import Connection, select

from campaigns.rendering_facts import local_day
from campaigns.sends import Unwritten
from campaigns.terms import Terms
from database.tables import members
from members.coupons.definition import Coupon
from members.coupons.issuing import Held, Wanted, find_issued, hold_for_coupons, issue
from members.definitions import load_definitions
from members.local_days import last_instant

#: Why words are not written where a campaign's coupon could not be issued.
NO_COUPON = "no_coupon_left"


def give_coupons(
    connection: Connection, unwritten: Sequence[Unwritten], terms: Mapping[int, Terms], *, now: datetime | None
) -> dict[int, Mapping[str, object]]:
    """Return what templates may say of each send's coupon, by send: its code, and the member's day on which it ends.

    A send whose campaign has a coupon and that is not in the answer got none: no code was left, or the
    coupon is over or not defined.  ``now`` None: nothing is issued, and only those issued before are told.
    """
    by_coupon: dict[str, list[Unwritten]] = {}
    for send in unwritten:
        name = terms[send.campaign_id].coupon
        if name is not None:
            by_coupon.setdefault(name, []).append(send)
    if not by_coupon:
        return {}
    defined = load_definitions(connection, Coupon)
    if now is not None and len(by_coupon) > 1:
        hold_for_coupons(connection, {send.member_id for sends in by_coupon.values() for send in sends})
    held: list[Held] = []
    for name in sorted(by_coupon.keys() & defined.keys()):
        wanted = [Wanted(member_id=send.member_id, occasion=occasion_of(send.id)) for send in by_coupon[name]]
        if now is None:
            held += find_issued(connection, defined[name], wanted)
        else:
            held += issue(connection, defined[name], wanted, now=now).held
    zones = _zones(connection, {one.member_id for one in held})
    said = {
        one.occasion: {
            "coupon": one.code,
            "coupon_ends_on": local_day(last_instant(one.expires_at), zones[one.member_id]),
        }
        for one in held
    }
    return {send.id: said[occasion] for send in unwritten if (occasion := occasion_of(send.id)) in said}


def occasion_of(send_id: int) -> str:
    """Name what a send's coupon is issued for; reports find a campaign's coupons by it."""
    return f"send:{send_id}"


def _zones(connection: Connection, member_ids: set[int]) -> Mapping[int, str]:
    found = connection.execute(select(members.c.id, members.c.time_zone).where(members.c.id.in_(member_ids)))
    return {row.id: row.time_zone for row in found}
