"""Great-circle distance in SQL, with a box around the place that an index can find first."""

from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Double, FromClause, Select, and_, case, cast, func, literal, or_, select

from database.loyalty_tables import member_places, stores
from members.comparison_sql import Clause
from members.comparisons import DEFAULT_ZONE
from members.questions.asked import Asked
from members.questions.nearness import EARTH_RADIUS, NearQuestion

Number = ColumnElement[Any]


def metres_between(latitude: Number, longitude: Number, other_latitude: Number, other_longitude: Number) -> Number:
    """Return the length of the great circle between two points in degrees, by the haversine formula."""
    up, along = func.radians(other_latitude - latitude) / 2, func.radians(other_longitude - longitude) / 2
    height = func.sin(up) * func.sin(up)
    width = (
        func.cos(func.radians(latitude)) * func.cos(func.radians(other_latitude)) * func.sin(along) * func.sin(along)
    )
    return 2 * EARTH_RADIUS * func.asin(func.sqrt(func.least(1.0, height + width)))


def _reach(latitude: Number, within: float) -> Number:
    """Return how many degrees of longitude a circle reaches to either side; all of them where a pole is in it."""
    angle = within / EARTH_RADIUS
    has_pole = func.radians(func.abs(latitude)) + angle >= 1.5707963
    wide = func.degrees(func.asin(func.least(1.0, func.sin(angle) / func.cos(func.radians(latitude)))))
    return case((has_pole, 360.0), else_=wide + 0.000001)


def _in_box(row: FromClause, latitude: Number, longitude: Number, within: float) -> Clause:
    """Say whether a place lies in the box around the circle; wide enough, also across the date line."""
    degrees = within / EARTH_RADIUS * 57.29577951308232 + 0.000001
    reach = _reach(latitude, within)

    def beside(turn: float) -> Clause:
        at: Number = row.c.longitude
        return at.between(longitude + turn - reach, longitude + turn + reach)

    around = or_(beside(0), beside(360), beside(-360))
    return and_(row.c.latitude.between(latitude - degrees, latitude + degrees), around)


def is_open(shop: FromClause, now: datetime) -> Clause:
    """Say whether a store is still there: from the day on that it closed it is not."""
    closed: Number = shop.c.closed_on
    return or_(closed.is_(None), closed > now.astimezone(DEFAULT_ZONE).date())


def places_near(question: NearQuestion, now: datetime) -> tuple[FromClause, Select[Any], Number]:
    """Return the places, the query for the members in the box around what is asked about, and the distance in metres."""
    row, shop = member_places.alias(), stores.alias()
    found = select(row.c.member_id).select_from(row)
    latitude: Number
    longitude: Number
    if question.store is not None:
        found = found.join(shop, and_(shop.c.key == question.store, is_open(shop, now)))
        latitude, longitude = shop.c.latitude, shop.c.longitude
    else:
        latitude, longitude = cast(literal(question.latitude), Double), cast(literal(question.longitude), Double)
    if question.of != "any":
        found = found.where(row.c.kind == question.of)
    found = found.where(_in_box(row, latitude, longitude, question.within))
    return row, found, metres_between(latitude, longitude, row.c.latitude, row.c.longitude)


def is_near(question: NearQuestion, asked: Asked) -> Clause:
    row, found, metres = places_near(question, asked.now)
    near = found.where(metres <= question.within)
    if asked.of_everybody:
        return asked.member.in_(near)
    return asked.exists(near.where(row.c.member_id == asked.member))
