"""Forged, replayed or scanned calls change nothing; one click by the member counts at once.

Small here; ``make strangers`` does the same at full size.
"""

from collections import Counter

import pytest
import requests

from templates.library import load_library
from templates.links import click_token, unsubscribe_token
from templates.rendering import compile_content
from tests.chaos.strangers import (
    CLICKS,
    EVIL,
    Stranger,
    a_target,
    changed,
    clicks,
    forged_callbacks,
    marked,
    one_click,
    snapshot,
    tampered_links,
    tampered_tokens,
    visits,
)
from tests.listening import ListeningSide
from tests.makers import SECRET


@pytest.fixture
def target(side: ListeningSide) -> Stranger:
    return a_target(side.application.database)


def test_forged_callbacks_are_refused_and_change_nothing(side: ListeningSide, target: Stranger) -> None:
    before = snapshot(side.application.database)

    answers = forged_callbacks(side, 200)

    assert answers.keys() <= {403, 404} and answers[404] > 0 and answers[403] > 0, answers
    assert changed(before, snapshot(side.application.database)) == set()
    assert side.rung == []


def test_opening_links_as_scanners_do_changes_nothing_at_all(side: ListeningSide, target: Stranger) -> None:
    before = snapshot(side.application.database)

    seen = visits(side, target, 240)

    assert seen == Counter({("GET", 200): 120, ("HEAD", 200): 30, ("HEAD", 302): 30, ("GET", 302): 60})
    assert changed(before, snapshot(side.application.database)) == set()
    assert marked(side.application.database, target), "the send that waited still goes"


def test_the_page_that_a_get_shows_has_a_button_that_posts_and_a_head_shows_nothing(side: ListeningSide, target: Stranger) -> None:
    page, head = requests.get(target.unsubscribe(side), timeout=10), requests.head(target.unsubscribe(side), timeout=10)

    assert '<form method="post">' in page.text and "<button" in page.text and "<script" not in page.text
    assert (head.status_code, head.content) == (200, b"")


def test_following_a_link_is_told_once_and_touches_neither_consent_nor_send(side: ListeningSide, target: Stranger) -> None:
    before = snapshot(side.application.database)
    first = clicks(side, target, 1)
    after_one = snapshot(side.application.database)

    clicks(side, target, 60)

    assert first and changed(before, after_one) <= CLICKS
    assert changed(after_one, snapshot(side.application.database)) == set()


def test_a_link_leads_where_its_template_says_and_nowhere_else(side: ListeningSide, target: Stranger) -> None:
    compiled = compile_content(load_library().content("last-look"))

    assert clicks(side, target, 120) == {compiled.link_at(0)}
    for index in range(len(compiled.link_names), 256):
        link = f"{side.url}/c/{click_token(SECRET, target.send_id, index)}"
        assert requests.get(link, params={"url": EVIL}, allow_redirects=False, timeout=10).status_code == 404


def test_no_guessed_or_bent_token_is_taken_for_ours() -> None:
    assert tampered_tokens(10_000) == 0


def test_addresses_with_bent_tokens_open_nothing(side: ListeningSide, target: Stranger) -> None:
    before = snapshot(side.application.database)

    answers = tampered_links(side, target, 300)

    assert set(answers) <= {404, 405}, answers
    assert changed(before, snapshot(side.application.database)) == set()


def test_one_click_is_effective_before_the_next_mark(side: ListeningSide, target: Stranger) -> None:
    taken = one_click(side, target)

    assert not marked(side.application.database, target)
    assert taken < 1.0


def test_the_same_click_sent_as_mail_programs_send_forms_counts_too(side: ListeningSide, target: Stranger) -> None:
    # RFC 8058 lets the sender of the POST choose multipart/form-data.
    answer = requests.post(target.unsubscribe(side), files={"List-Unsubscribe": (None, "One-Click")}, allow_redirects=False, timeout=10)

    assert answer.status_code == 200
    assert not marked(side.application.database, target)


def test_a_click_for_one_member_stops_nobody_else(side: ListeningSide, target: Stranger) -> None:
    requests.post(f"{side.url}/u/{unsubscribe_token(SECRET, target.member_id + 1, 'email', target.send_id)}", timeout=10)
    requests.post(f"{side.url}/u/{unsubscribe_token(SECRET, target.member_id, 'sms', target.send_id)}", timeout=10)

    assert marked(side.application.database, target)
