"""``/s/…``: a survey's page and its answer.

The token of the address is the authority to answer, and it alone: no cookie says who somebody is, so
another site has nothing to abuse, and needs no second token to be kept from it.
"""

from dataclasses import dataclass
from datetime import datetime
from urllib.parse import parse_qsl

from sqlalchemy import Connection
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from console.pages import missing_page
from console.public_side import PublicSide, read_body
from console.survey_page import answered_page, closed_page, question_page, thanks_page
from console.survey_visits import Asked, find_asked, take_answer
from database.engine import read_clock
from members.person import is_text
from members.surveys.definition import LONGEST_COMMENT, Survey
from templates.links import Click, read_survey_token

FORM = "application/x-www-form-urlencoded"
MOST_FIELDS = 8
SCORE_LENGTH = 2  #: digits


@dataclass(frozen=True, kw_only=True)
class Given:
    """A form as it was sent."""

    score: int | None
    comment: str
    mistake: str = ""  #: what keeps it from being an answer, by its name among the page's words


async def see(side: PublicSide, request: Request) -> Response:
    """Show the survey; mail scanners open it too, so it changes nothing.  ``?score=9`` is chosen beforehand."""
    place = read_survey_token(side.application.secret, request.path_params["token"])
    chosen = request.query_params.get("score", "")

    def look(connection: Connection) -> Response:
        return _shown(side, connection, place, chosen)

    return await run_in_threadpool(side.within_transaction, look)


async def take(side: PublicSide, request: Request) -> Response:
    """Keep the answer; the first one stands."""
    place = read_survey_token(side.application.secret, request.path_params["token"])
    body = await read_body(request)
    content_type = request.headers.get("content-type", "")

    def keep(connection: Connection) -> Response:
        return _kept(side, connection, place, body, content_type)

    answered = await run_in_threadpool(side.within_transaction, keep)
    if answered.status_code == 200:
        side.ring("events")
    return answered


def _shown(side: PublicSide, connection: Connection, place: Click | None, chosen: str) -> Response:
    asked, over = _open(side, connection, place, read_clock(connection))
    if asked is None or over is not None:
        return over or HTMLResponse(missing_page(), 404)
    score = _score(asked.survey, chosen)
    return HTMLResponse(question_page(asked.survey, asked.language, _brand(side, asked), score=score))


def _kept(side: PublicSide, connection: Connection, place: Click | None, body: bytes, content_type: str) -> Response:
    now = read_clock(connection)
    asked, over = _open(side, connection, place, now, again=409)
    if asked is None or over is not None:
        return over or HTMLResponse(missing_page(), 404)
    brand, given = _brand(side, asked), read_form(asked.survey, body, content_type)
    if given.score is None or given.mistake:
        page = question_page(
            asked.survey, asked.language, brand, score=given.score, comment=given.comment, mistake=given.mistake
        )
        return HTMLResponse(page, 422)
    if not take_answer(connection, asked, score=given.score, comment=given.comment, now=now):
        return HTMLResponse(answered_page(asked.language, brand), 409)
    return HTMLResponse(thanks_page(asked.survey, asked.language, brand))


def _open(
    side: PublicSide, connection: Connection, place: Click | None, now: datetime, *, again: int = 200
) -> tuple[Asked | None, Response | None]:
    """Return what is asked, and the answer for somebody who cannot answer it any more."""
    asked = None if place is None else find_asked(connection, place)
    if asked is None:
        return None, None
    if asked.answered:
        return asked, HTMLResponse(answered_page(asked.language, _brand(side, asked)), again)
    if asked.closes_at <= now:
        return asked, HTMLResponse(closed_page(asked.language, _brand(side, asked)), 410)
    return asked, None


def read_form(survey: Survey, body: bytes, content_type: str) -> Given:
    """Read a form, or say by name what keeps it from being an answer."""
    if content_type.partition(";")[0].strip().lower() != FORM:
        return Given(score=None, comment="", mistake="no_score")
    try:
        fields = parse_qsl(body.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=MOST_FIELDS)
    except ValueError:
        return Given(score=None, comment="", mistake="no_text")
    scores = [value for name, value in fields if name == "score"]
    comment = "\n".join(value for name, value in fields if name == "comment").replace("\r\n", "\n").strip()
    score = _score(survey, scores[0]) if len(scores) == 1 else None
    if not is_text(comment):
        return Given(score=score, comment="", mistake="no_text")
    if len(comment) > LONGEST_COMMENT:
        return Given(score=score, comment=comment[:LONGEST_COMMENT], mistake="long_comment")
    return Given(score=score, comment=comment if survey.comment else "", mistake="" if score is not None else "no_score")


def _score(survey: Survey, given: str) -> int | None:
    is_number = given.isascii() and given.isdigit() and len(given) <= SCORE_LENGTH
    return int(given) if is_number and str(int(given)) == given and int(given) in survey.scores else None


def _brand(side: PublicSide, asked: Asked) -> str:
    brand = side.application.settings.brand
    return (brand.zh if asked.language == "zh" else brand.en) or brand.zh
