"""Whom a campaign considers when it is launched."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, Connection, Select, Text, cast, func, literal, null, select

from campaigns.campaign import Campaign, CampaignDefinition
from database.tables import members
from language.problems import Problem
from members.conditions import Condition, clause, parse_condition
from members.segments import load_segments
from members.segments.storing import naming_problems


def audience_of(connection: Connection, campaign: Campaign, *, now: datetime) -> Select[tuple[int]]:
    """Return the ids of the members the campaign is meant for at ``now``."""
    everybody = select(members.c.id.label("member_id")).where(members.c.erased_at.is_(None), members.c.merged_into.is_(None))
    if campaign.audience is None:
        return everybody
    condition = clause(campaign.audience, member=members.c.id, now=now, segments=load_segments(connection), of_everybody=True)
    return everybody.where(condition)


def audience_problems(definitions: Sequence[CampaignDefinition], known: Mapping[str, Condition]) -> list[Problem]:
    """List what is wrong with the segments and lists that the campaigns' audiences name."""
    return [
        replace(problem, field=f"{definition.campaign}: audience")
        for definition in definitions
        if definition.audience is not None
        for problem in naming_problems(parse_condition(definition.audience), known)
    ]


def count_audience(connection: Connection, campaign: Campaign, *, now: datetime) -> int:
    """Count the members the campaign is meant for at ``now``."""
    chosen = audience_of(connection, campaign, now=now).subquery()
    return int(connection.execute(select(func.count()).select_from(chosen)).scalar_one())


def launch_group(audience: Select[tuple[int]], launch_id: int) -> Select[Any]:
    """Return the audience in the form that planning takes: no journey, one occasion."""
    chosen = audience.subquery()
    return select(
        chosen.c.member_id,
        literal(f"launch:{launch_id}").label("occasion"),
        literal(launch_id, BigInteger).label("launch_id"),
        cast(null(), BigInteger).label("enrolment_id"),
        cast(null(), Text).label("step"),
        cast(null(), BigInteger).label("experiment_id"),
        cast(null(), Text).label("arm"),
    )
