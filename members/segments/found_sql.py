"""What a member has where a question asks: the values of their own that a reason is told with."""

from collections.abc import Callable, Mapping
from typing import Any

from sqlalchemy import ColumnElement, FromClause, and_, func, select

from database.loyalty_tables import coupons, member_clusters, member_tiers, predictions, rfm_scores, survey_answers
from database.member_tables import channel_facts, order_facts, segment_members
from database.tables import addresses, campaigns, consents, events, facts, members, sends, suppressions
from members.comparison_sql import json_clause
from members.questions.asked import Asked
from members.questions.near_sql import places_near
from members.questions.nearness import NearQuestion
from members.questions.reckoned_sql import balance
from members.questions.told import EventQuestion

#: What is told of a question, by name.
Found = dict[str, ColumnElement[Any]]


def _one(asked: Asked, value: ColumnElement[Any], row: FromClause, *which: ColumnElement[bool]) -> ColumnElement[Any]:
    own = row.c.id if "key" in row.c and "tier" in row.c else row.c.member_id
    return asked.subquery(select(value).select_from(row).where(own == asked.member, *which)).scalar_subquery()


def _of_row(table: FromClause, *own: str) -> Callable[[Any, Asked], Found]:
    def found(question: Any, asked: Asked) -> Found:
        row = table.alias()
        keys = [row.c[name] == getattr(question, name) for name in own]
        wanted = [name for name in type(question).model_fields if name in row.c and name not in own]
        given = [name for name in wanted if getattr(question, name) is not None]
        return {name: _one(asked, row.c[name], row, *keys) for name in given}

    return found


def _attributes(answers: Mapping[str, Any], asked: Asked) -> Found:
    row = members.alias()
    return {name: _one(asked, row.c.attributes.op("->")(name), row) for name in answers}


def _tags(_question: object, asked: Asked) -> Found:
    row = members.alias()
    return {"tags": _one(asked, row.c.attributes["tags"], row)}


def _tier(question: Any, asked: Asked) -> Found:
    row, tiers = members.alias(), member_tiers.alias()
    since = {} if question.since is None else {"since": _one(asked, tiers.c.since, tiers)}
    return {"tier": _one(asked, row.c.tier, row), **since}


def _events(question: EventQuestion, asked: Asked) -> Found:
    row = events.alias()
    which = [row.c.kind == question.kind, row.c.occurred_at <= asked.now]
    if question.within is not None:
        which.append(row.c.occurred_at > asked.now - question.within)
    if question.before is not None:
        which.append(row.c.occurred_at <= asked.now - question.before)
    which += [json_clause(row.c.properties, name, wanted, asked.now) for name, wanted in (question.where or {}).items()]
    found = {"count": _one(asked, func.count(), row, *which)}
    if question.sum is not None:
        found["sum"] = _one(asked, func.coalesce(func.sum(row.c.value), 0), row, *which)
    last = events.alias()
    ever = (last.c.kind == question.kind, last.c.occurred_at <= asked.now)
    return {**found, "last": _one(asked, func.max(last.c.occurred_at), last, *ever)}


def _consent(question: Any, asked: Asked) -> Found:
    row = consents.alias()
    latest = (
        select(row.c.granted)
        .where(row.c.member_id == asked.member, row.c.channel == question.channel, row.c.purpose == question.purpose)
        .order_by(row.c.occurred_at.desc(), row.c.id.desc())
        .limit(1)
    )
    return {"granted": asked.subquery(latest).scalar_subquery()}


def _reachable(channel: str, asked: Asked) -> Found:
    row, stopped = addresses.alias(), suppressions.alias()
    current = and_(row.c.channel == channel, row.c.is_current)
    both = row.outerjoin(stopped, and_(stopped.c.channel == row.c.channel, stopped.c.fingerprint == row.c.fingerprint))

    def told(value: ColumnElement[Any]) -> ColumnElement[Any]:
        what = select(value).select_from(both).where(row.c.member_id == asked.member, current)
        return asked.subquery(what).scalar_subquery()

    return {
        "addresses": _one(asked, func.count(), row, current),
        "problem": told(row.c.problem),
        "suppressed": told(stopped.c.reason),
    }


def _answers(kind: str) -> Callable[[str, Asked], Found]:
    def found(campaign: str, asked: Asked) -> Found:
        row = events.alias()
        which = (row.c.kind == kind, row.c.properties["campaign"].astext == campaign, row.c.occurred_at <= asked.now)
        return {"last": _one(asked, func.max(row.c.occurred_at), row, *which)}

    return found


def _received(campaign: str, asked: Asked) -> Found:
    row = sends.alias()
    named = select(campaigns.c.id).where(campaigns.c.name == campaign).scalar_subquery()
    return {"states": _one(asked, func.string_agg(row.c.state.distinct(), ", "), row, row.c.campaign_id == named)}


def _coupon(question: Any, asked: Asked) -> Found:
    row = coupons.alias()
    which = (row.c.pool == question.pool, row.c.issued_at <= asked.now)
    return {
        "issued": _one(asked, func.count(), row, *which),
        "redeemed": _one(asked, func.count(row.c.redeemed_at), row, *which),
        "expires_at": _one(asked, func.max(row.c.expires_at), row, *which),
    }


def _survey(question: Any, asked: Asked) -> Found:
    row = survey_answers.alias()
    latest = (
        select(row.c.score)
        .where(row.c.member_id == asked.member, row.c.survey == question.survey, row.c.answered_at <= asked.now)
        .order_by(row.c.answered_at.desc(), row.c.id.desc())
        .limit(1)
    )
    return {"score": asked.subquery(latest).scalar_subquery()}


def _near(question: NearQuestion, asked: Asked) -> Found:
    # The same question of the whole earth, so that the distance is told of whoever is too far away.
    row, found, metres = places_near(question.model_copy(update={"within": 20_016_000.0}), asked.now)
    nearest = found.with_only_columns(func.round(func.min(metres))).where(row.c.member_id == asked.member)
    return {"metres": asked.subquery(nearest).scalar_subquery()}


def _listed(name: str, asked: Asked) -> Found:
    row = segment_members.alias()
    return {"since": _one(asked, row.c.entered_at, row, row.c.segment == name)}


def _cluster(_question: object, asked: Asked) -> Found:
    row = member_clusters.alias()
    return {"cluster": _one(asked, row.c.cluster, row)}


FOUND: Mapping[str, Callable[[Any, Asked], Found]] = {
    "member": _of_row(members),
    "attribute": _attributes,
    "tags": _tags,
    "event": _events,
    "fact": _of_row(facts, "event"),
    "consent": _consent,
    "reachable": _reachable,
    "clicked": _answers("message.clicked"),
    "opened": _answers("message.opened"),
    "received": _received,
    "tier": _tier,
    "points": lambda _question, asked: {"points": balance(asked)},
    "orders": _of_row(order_facts),
    "channel": _of_row(channel_facts, "channel"),
    "rfm": _of_row(rfm_scores),
    "prediction": _of_row(predictions),
    "cluster": _cluster,
    "coupon": _coupon,
    "survey": _survey,
    "near": _near,
    "sample": lambda _question, _asked: {},
    "listed": _listed,
}
