"""What came of a survey: how many were asked and answered, the scores, and what members wrote."""

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import Connection, select, text

from database.loyalty_tables import survey_answers
from database.tables import members
from reports.export import safe_cell
from reports.interval import Interval
from reports.proportions import rate, wilson
from reports.satisfaction import net_promoters, net_promoters_interval

#: The scores of each group of a scale, the best group first.
GROUPS: Mapping[str, Mapping[str, range]] = {
    "nps": {"promoters": range(9, 11), "passives": range(7, 9), "detractors": range(7)},
    "csat": {"satisfied": range(4, 6), "neutral": range(3, 4), "dissatisfied": range(1, 3)},
}

# A send asks a survey by a link of the template version it was written with.
_ASKED = text("""
SELECT count(*) FROM sends
WHERE sends.state IN ('accepted', 'delivered') AND coalesce(sends.accepted_at, sends.decided_at) >= :since
  AND sends.template_version_id IN (
    SELECT template_versions.id FROM template_versions
    CROSS JOIN LATERAL jsonb_each_text(template_versions.content -> 'links') AS links (name, leads_to)
    WHERE links.leads_to = 'survey:' || :survey
  )
""")
_SCORES = text("""
SELECT score, count(*) AS answers, count(*) FILTER (WHERE comment <> '') AS comments FROM survey_answers
WHERE survey = :survey AND answered_at >= :since GROUP BY score
""")


class Comment(NamedTuple):
    """What one member wrote, without who it was."""

    answered_at: datetime
    score: int
    comment: str


@dataclass(frozen=True, kw_only=True)
class SurveyResults:
    """The results of one survey; intervals are at 95 %."""

    survey: str
    scale: str
    asked: int  #: messages that carried the link and were taken by a provider
    answers: int
    scores: Mapping[int, int]  #: every score of the scale, best first, with how many gave it
    groups: Mapping[str, int]
    comments: int
    mean: float | None
    measure: str  #: nps, or satisfied: the share of 4 and 5
    value: float | None  #: from -1 to 1 for nps, from 0 to 1 for satisfied; None: nobody answered
    interval: Interval

    @property
    def answer_rate(self) -> float | None:
        return rate(self.answers, self.asked)


def survey_results(connection: Connection, survey: str, scale: str, *, since: datetime) -> SurveyResults:
    """Add up the answers given since a moment."""
    told = {"survey": survey, "since": since}
    rows = {row.score: row for row in connection.execute(_SCORES, told)}
    groups = {
        name: sum(rows[score].answers for score in scores if score in rows) for name, scores in GROUPS[scale].items()
    }
    answers = sum(groups.values())
    best, _, worst = groups.values()
    is_nps = scale == "nps"
    shown = sorted((score for scores in GROUPS[scale].values() for score in scores), reverse=True)
    return SurveyResults(
        survey=survey,
        scale=scale,
        asked=connection.execute(_ASKED, told).scalar_one(),
        answers=answers,
        scores={score: rows[score].answers if score in rows else 0 for score in shown},
        groups=groups,
        comments=sum(row.comments for row in rows.values()),
        mean=sum(score * row.answers for score, row in rows.items()) / answers if answers else None,
        measure="nps" if is_nps else "satisfied",
        value=net_promoters(best, worst, answers) if is_nps else rate(best, answers),
        interval=net_promoters_interval(best, worst, answers) if is_nps else wilson(best, answers),
    )


def newest_comments(connection: Connection, survey: str, *, since: datetime, most: int) -> Sequence[Comment]:
    """Return what was written last, the newest first."""
    found = connection.execute(
        select(survey_answers.c.answered_at, survey_answers.c.score, survey_answers.c.comment)
        .where(survey_answers.c.survey == survey, survey_answers.c.comment != "", survey_answers.c.answered_at >= since)
        .order_by(survey_answers.c.answered_at.desc(), survey_answers.c.id.desc())
        .limit(most)
    )
    return [Comment._make(row) for row in found]


def answers_as_csv(connection: Connection, survey: str, *, since: datetime) -> str:
    """Return every answer with its member's key as CSV that no spreadsheet will run."""
    found = connection.execute(
        select(
            members.c.key, survey_answers.c.occasion, survey_answers.c.score, survey_answers.c.comment,
            survey_answers.c.answered_at,
        )
        .join(members, members.c.id == survey_answers.c.member_id)
        .where(survey_answers.c.survey == survey, survey_answers.c.answered_at >= since)
        .order_by(survey_answers.c.id)
    )  # fmt: skip
    written = io.StringIO()
    rows = csv.writer(written, lineterminator="\r\n")
    rows.writerow(["member", "occasion", "score", "comment", "answered_at"])
    rows.writerows([safe_cell(cell) for cell in (*row[:4], row.answered_at.isoformat())] for row in found)
    return written.getvalue()
