"""A survey's link shows the page, takes one answer, and lets nothing else in."""

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import requests
from sqlalchemy import func, insert, select, update

from console.survey_visits import find_asked, take_answer
from database.engine import read_clock
from database.loyalty_tables import survey_answers
from database.member_tables import touched_members
from database.tables import addresses, campaigns, events, members, sends, template_versions, unprocessed_events
from members.definitions import drop_definition, save_definitions
from members.surveys.definition import Survey
from templates.library import digest, load_library
from templates.links import click_token, read_survey_token, survey_token
from tests.listening import ListeningSide
from tests.makers import NOON, SECRET, make_members

NPS = {
    "survey": "after-purchase", "scale": "nps",
    "question": {"zh": "您有多大可能推荐<我们>？", "en": "How likely are you to recommend us?"},
    "thanks": {"zh": "谢谢您！", "en": "Thanks a lot!"},
}  # fmt: skip


def ask_member(side: ListeningSide, *, language: str = "zh", days_ago: float = 1, **terms: object) -> str:
    """Send one member a message that asks the survey; return the link in it."""
    content = {**load_library().content("welcome"), "links": {"shop": "https://shop.example", "survey": "survey:after-purchase"}}
    with side.application.database.transaction() as connection:
        now = read_clock(connection)
        save_definitions(connection, [Survey.model_validate(NPS | terms)], now=now)
        (member_id,) = make_members(connection, 1, language=language)
        connection.execute(touched_members.delete())
        version = connection.execute(
            insert(template_versions).values(name="welcome", digest=digest(content), content=content).returning(template_versions.c.id)
        ).scalar_one()
        campaign = connection.execute(
            insert(campaigns).values(name="hello", definition={}, template_version_id=version).returning(campaigns.c.id)
        ).scalar_one()
        address = connection.execute(select(addresses.c.id).where(addresses.c.channel == "sms")).scalar_one()
        send_id = connection.execute(
            insert(sends)
            .values(
                campaign_id=campaign, member_id=member_id, occasion="launch:1", channel="sms", address_id=address,
                template_version_id=version, purpose="service", state="refused", reason="a test", decided_at=NOON, not_before=NOON,
                accepted_at=now - timedelta(days=days_ago),
            )
            .returning(sends.c.id)
        ).scalar_one()  # fmt: skip
    return f"{side.url}/s/{survey_token(SECRET, send_id, 1)}"


def answers(side: ListeningSide) -> list[tuple[int, str]]:
    with side.application.database.transaction() as connection:
        rows = connection.execute(select(survey_answers.c.score, survey_answers.c.comment).order_by(survey_answers.c.id))
        return [tuple(row) for row in rows]


def send_form(link: str, form: Mapping[str, object] | str | bytes, **headers: str) -> requests.Response:
    told = {"Content-Type": "application/x-www-form-urlencoded", **headers}
    return requests.post(link, data=form, headers=told, timeout=10)


def test_an_answer_given_while_its_member_is_merged_is_kept_with_the_row_that_stays(side: ListeningSide) -> None:
    token = ask_member(side).rsplit("/", 1)[1]
    with side.application.database.transaction() as connection:
        place = read_survey_token(SECRET, token)
        assert place is not None
        asked = find_asked(connection, place)
        assert asked is not None
        kept = connection.execute(insert(members).values(key="kept").returning(members.c.id)).scalar_one()
        connection.execute(update(members).where(members.c.id == asked.member_id).values(merged_into=kept))
        assert take_answer(connection, asked, score=9, comment="", now=NOON)
        assert connection.scalars(select(survey_answers.c.member_id)).all() == [kept]


def test_opening_the_link_shows_the_question_and_changes_nothing(side: ListeningSide) -> None:
    link = ask_member(side)

    pages = [requests.get(link, timeout=10) for _ in range(3)]
    requests.head(link, timeout=10)

    assert {page.status_code for page in pages} == {200}
    assert "您有多大可能推荐&lt;我们&gt;？" in pages[0].text
    assert [pages[0].text.count(f'value="{score}"') for score in range(12)] == [1] * 11 + [0]
    assert "required checked" not in pages[0].text and "http" not in pages[0].text and "<script" not in pages[0].text
    assert requests.get(link + "?score=9", timeout=10).text.count('value="9" required checked') == 1
    assert "required checked" not in requests.get(link + "?score=11", timeout=10).text
    assert answers(side) == []
    assert side.rung == []


def test_an_answer_is_kept_once_and_told_without_the_members_words(side: ListeningSide) -> None:
    link = ask_member(side)

    first = send_form(link, {"score": "9", "comment": " 很好，\r\n谢谢 <b> "})
    second = send_form(link, {"score": "0", "comment": "no"})

    assert (first.status_code, "谢谢您！" in first.text) == (200, True)
    assert (second.status_code, "您已经回答过了" in second.text) == (409, True)
    assert "您已经回答过了" in requests.get(link, timeout=10).text
    assert answers(side) == [(9, "很好，\n谢谢 <b>")]
    assert side.rung == ["events"]
    with side.application.database.transaction() as connection:
        event = connection.execute(select(events).where(events.c.kind == "survey.answered")).one()
        counts = [
            connection.execute(select(func.count()).select_from(table)).scalar_one() for table in (unprocessed_events, touched_members)
        ]
    assert (event.source, event.value) == ("tidings", None)
    assert event.properties == {
        "survey": "after-purchase", "scale": "nps", "score": 9, "group": "promoter", "has_comment": True, "occasion": "send:1",
    }  # fmt: skip
    assert counts == [1, 1]


def test_of_many_answers_at_once_one_is_kept(side: ListeningSide) -> None:
    link = ask_member(side)

    with ThreadPoolExecutor(8) as threads:
        statuses = sorted(threads.map(lambda score: send_form(link, {"score": str(score)}).status_code, range(8)))

    assert statuses == [200] + [409] * 7
    assert len(answers(side)) == 1


NO_ANSWERS = (
    "", "score=", "score=11", "score=-1", "score=09", "score=5.0", "score=%E2%91%A4", "score=5&score=6", "score=1e1", "rating=5",
    "score=5&comment=%00", "score=5&comment=%ff", b"score=5&comment=\xe4\xbd\xa0", "score=5&comment=" + "a" * 2001,
    "score=5&comment=" + "%E5%A5%BD" * 2001, "&".join(f"field{number}=1" for number in range(9)) + "&score=5", "score" * 1000,
)  # fmt: skip


def test_what_is_no_answer_is_refused_with_the_page_and_kept_nowhere(side: ListeningSide) -> None:
    link = ask_member(side, language="en")

    for form in NO_ANSWERS:
        refused = send_form(link, form)

        assert refused.status_code == 422, form
        assert 'role="alert"' in refused.text and "How likely" in refused.text
    assert answers(side) == []


def test_what_was_written_is_there_again_after_a_mistake_and_never_as_markup(side: ListeningSide) -> None:
    link = ask_member(side, language="en")

    refused = send_form(link, {"comment": '</textarea><script>alert("x")</script>'})

    assert "&lt;/textarea&gt;&lt;script&gt;" in refused.text and "<script" not in refused.text
    assert "Please choose a score." in refused.text


def test_other_forms_and_large_bodies_are_refused(side: ListeningSide) -> None:
    link = ask_member(side)

    assert send_form(link, b'{"score": 5}', **{"Content-Type": "application/json"}).status_code == 422
    assert send_form(link, b"score=5", **{"Content-Type": "text/plain"}).status_code == 422
    assert send_form(link, b"score=5", **{"Content-Encoding": "gzip"}).status_code == 415
    assert send_form(link, b"score=5&comment=" + b"a" * 1_100_000).status_code == 413
    assert answers(side) == []


def test_two_thousand_characters_on_many_lines_are_kept(side: ListeningSide) -> None:
    link = ask_member(side)
    words = "很好\n" * 666 + "谢谢"

    assert send_form(link, {"score": "10", "comment": words.replace("\n", "\r\n")}).status_code == 200
    assert answers(side) == [(10, words)]


def test_tokens_bent_or_made_for_something_else_open_nothing(side: ListeningSide) -> None:
    link = ask_member(side)
    base, token = link.rsplit("/", 1)
    bent = [token[:-1], token + "A", token[:5] + ("A" if token[5] != "A" else "B") + token[6:], click_token(SECRET, 1, 1), "A" * 32, "%00"]
    other = [survey_token(SECRET, 1, 0), survey_token(SECRET, 1, 9), survey_token(SECRET, 99, 1), survey_token(b"x" * 32, 1, 1)]

    for each in (*bent, *other):
        assert requests.get(f"{base}/{each}", timeout=10).status_code == 404, each
        assert send_form(f"{base}/{each}", {"score": "5"}).status_code == 404, each
    assert requests.get(f"{side.url}/c/{token}", timeout=10).status_code == 404
    assert answers(side) == []


def test_after_its_end_a_survey_says_so(side: ListeningSide) -> None:
    link = ask_member(side, language="en", days_ago=31)

    assert requests.get(link, timeout=10).status_code == send_form(link, {"score": "5"}).status_code == 410
    assert "This survey is over" in requests.get(link, timeout=10).text
    assert answers(side) == []


def test_a_survey_or_a_member_that_is_gone_is_no_page(side: ListeningSide) -> None:
    link = ask_member(side)
    with side.application.database.transaction() as connection:
        connection.execute(update(members).values(erased_at=NOON))
    assert requests.get(link, timeout=10).status_code == send_form(link, {"score": "5"}).status_code == 404

    with side.application.database.transaction() as connection:
        connection.execute(update(members).values(erased_at=None))
        drop_definition(connection, Survey, "after-purchase")
    assert requests.get(link, timeout=10).status_code == send_form(link, {"score": "5"}).status_code == 404


def test_satisfaction_has_five_scores_and_may_ask_for_no_comment(side: ListeningSide) -> None:
    link = ask_member(side, language="en-GB", scale="csat", comment=False)
    page = requests.get(link, timeout=10).text

    assert [f'value="{score}"' in page for score in range(7)] == [False, True, True, True, True, True, False]
    assert "<textarea" not in page
    assert 'lang="en"' in page
    assert send_form(link, {"score": "0"}).status_code == 422
    assert send_form(link, {"score": "3", "comment": "not asked for"}).status_code == 200
    assert answers(side) == [(3, "")]
