"""What a survey's link stands for: which survey, asked of whom, by which send, and whether it may still be answered."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, func, select

from database.holding import hold_members
from database.tables import members, sends, template_versions
from members.definitions import load_definitions
from members.surveys.answering import answer, is_answered
from members.surveys.definition import Survey
from templates.links import SURVEY, Click
from templates.rendering import compile_content


@dataclass(frozen=True, kw_only=True)
class Asked:
    """One survey that one send asked one member."""

    survey: Survey
    member_id: int
    language: str  #: zh or en
    occasion: str
    closes_at: datetime
    answered: bool


def find_asked(connection: Connection, place: Click) -> Asked | None:
    """Return what the link asks; None: no such send or survey, or its member is gone.

    Which survey it is stands in the template the send was written with, so that a link
    cannot be made to ask another.
    """
    row = connection.execute(
        select(
            func.coalesce(members.c.merged_into, members.c.id).label("member_id"),
            members.c.language,
            func.coalesce(sends.c.accepted_at, sends.c.decided_at).label("asked_at"),
            template_versions.c.content,
        )
        .select_from(sends.join(members, members.c.id == sends.c.member_id))
        .join(template_versions, template_versions.c.id == sends.c.template_version_id)
        .where(sends.c.id == place.send_id, members.c.erased_at.is_(None))
    ).one_or_none()
    target = None if row is None else compile_content(row.content).link_at(place.link_index)
    if row is None or target is None or not target.startswith(SURVEY):
        return None
    survey = load_definitions(connection, Survey).get(target.removeprefix(SURVEY))
    if survey is None:
        return None
    occasion = f"send:{place.send_id}"
    return Asked(
        survey=survey,
        member_id=row.member_id,
        language="zh" if row.language.startswith("zh") else "en",
        occasion=occasion,
        closes_at=row.asked_at + survey.open_for,
        answered=is_answered(connection, survey.name, row.member_id, occasion),
    )


def take_answer(connection: Connection, asked: Asked, *, score: int, comment: str, now: datetime) -> bool:
    """Keep the answer with whoever the member is by now; False: there is one already, or nobody to keep it with."""
    hold_members(connection, [asked.member_id])  # No merge moves their answers between our look and our answer.
    whose = select(func.coalesce(members.c.merged_into, members.c.id))
    member_id = connection.scalar(whose.where(members.c.id == asked.member_id, members.c.erased_at.is_(None)))
    if member_id is None:
        return False
    return answer(connection, asked.survey, member_id, asked.occasion, score=score, comment=comment, now=now)
