"""A survey's answer: stored once for each time it was asked, and told as an event."""

from datetime import datetime

from sqlalchemy import Connection, select
from sqlalchemy.dialects.postgresql import insert as upsert

from database.loyalty_tables import survey_answers
from members.happenings import Happening, tell_happenings
from members.surveys.definition import Survey, group_of


def is_answered(connection: Connection, survey: str, member_id: int, occasion: str) -> bool:
    """Say whether the member has answered on this occasion."""
    known = select(survey_answers.c.id).where(
        survey_answers.c.survey == survey,
        survey_answers.c.member_id == member_id,
        survey_answers.c.occasion == occasion,
    )
    return connection.execute(known).first() is not None


def answer(
    connection: Connection,
    survey: Survey,
    member_id: int,
    occasion: str,
    *,
    score: int,
    comment: str,
    now: datetime,
) -> bool:
    """Keep an answer and tell ``survey.answered``; False: there was one already, and it stands.

    The event says the score and its group.  The member's own words may hold anything about anybody;
    they stay with the answer, and the event only says that there are some.  It carries no value: values
    are money, and a score must never be summed with any.

    Raises:
        ValueError: the score is not on the survey's scale.
    """
    if score not in survey.scores:
        raise ValueError(f"{score} is not on the scale {survey.scale}")
    kept = (
        upsert(survey_answers)
        .values(
            survey=survey.name, member_id=member_id, occasion=occasion, score=score, comment=comment, answered_at=now
        )
        .on_conflict_do_nothing()
        .returning(survey_answers.c.id)
    )
    answer_id = connection.execute(kept).scalar_one_or_none()
    if answer_id is None:
        return False
    happened = Happening(
        member_id=member_id,
        kind="survey.answered",
        key=f"survey.answered:{answer_id}",
        occurred_at=now,
        properties={
            "survey": survey.name,
            "scale": survey.scale,
            "score": score,
            "group": group_of(survey.scale, score),
            "has_comment": bool(comment),
            "occasion": occasion,
        },
    )
    tell_happenings(connection, [happened], now=now)
    return True
