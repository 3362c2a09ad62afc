"""Links say whom they stand for, and nobody else can make or change one."""

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from email.message import EmailMessage
from email.policy import SMTP

import pytest
from hypothesis import given
from hypothesis import strategies as st

from templates.links import (
    Click,
    Unsubscribe,
    click_token,
    links_for,
    read_click_token,
    read_survey_token,
    read_unsubscribe_token,
    unsubscribe_token,
)

SECRET = b"s" * 32
LARGEST_ID = 2**63 - 1


@dataclass
class Words:
    link_names: tuple[str, ...] = ("favourites", "shop")

    @property
    def links(self) -> Mapping[str, str]:
        return {name: "survey:visit" if name == "visit" else "https://www.example.com" for name in self.link_names}


@given(send=st.integers(0, LARGEST_ID), index=st.integers(0, 255))
def test_a_click_token_says_what_was_sealed(send: int, index: int) -> None:
    assert read_click_token(SECRET, click_token(SECRET, send, index)) == Click(send_id=send, link_index=index)


@given(
    member=st.integers(0, LARGEST_ID),
    send=st.integers(0, LARGEST_ID),
    channel=st.sampled_from(["sms", "email", "wechat"]),
)
def test_an_unsubscribe_token_says_what_was_sealed(member: int, send: int, channel: str) -> None:
    token = unsubscribe_token(SECRET, member, channel, send)

    assert read_unsubscribe_token(SECRET, token) == Unsubscribe(member_id=member, channel=channel, send_id=send)


def flipped(token: str) -> list[str]:
    """Return the token with each single bit of what it carries turned over."""
    carried = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4))
    return [
        base64.urlsafe_b64encode((int.from_bytes(carried, "big") ^ (1 << bit)).to_bytes(len(carried), "big"))
        .rstrip(b"=")
        .decode()
        for bit in range(len(carried) * 8)
    ]


def test_every_single_bit_turned_over_is_refused() -> None:
    click, unsubscribe = click_token(SECRET, 123_456_789, 1), unsubscribe_token(SECRET, 987_654, "email", 123_456_789)

    assert not any(read_click_token(SECRET, token) for token in flipped(click))
    assert not any(read_unsubscribe_token(SECRET, token) for token in flipped(unsubscribe))


def test_every_single_letter_changed_is_refused_even_in_its_spare_bits() -> None:
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    token = click_token(SECRET, 5, 0)
    changed = [
        token[:place] + letter + token[place + 1 :]
        for place in range(len(token))
        for letter in alphabet
        if letter != token[place]
    ]

    assert not any(read_click_token(SECRET, other) for other in changed)


@pytest.mark.parametrize(
    "token", ["", "A", "AAAA", "=" * 40, "好" * 10, "\x00", "A" * 10_000, " ", "../../etc/passwd", "A" * 22, "A" * 23]
)
def test_what_is_no_token_is_refused_quietly(token: str) -> None:
    assert read_click_token(SECRET, token) is None
    assert read_unsubscribe_token(SECRET, token) is None


def test_letters_around_a_token_make_it_another_and_refused() -> None:
    token = click_token(SECRET, 5, 0)

    for other in (token + "=", token + "\n", " " + token, token + "A", token[:-1], token[:4] + "!" + token[4:]):
        assert read_click_token(SECRET, other) is None


def test_a_token_of_one_kind_or_secret_is_none_of_another() -> None:
    assert read_unsubscribe_token(SECRET, click_token(SECRET, 7, 1)) is None
    assert read_click_token(SECRET, unsubscribe_token(SECRET, 7, "sms", 1)) is None
    assert read_click_token(b"t" * 32, click_token(SECRET, 7, 1)) is None


def test_a_token_stays_within_forty_characters_for_ids_below_two_to_the_48() -> None:
    largest = 2**48 - 1

    assert len(click_token(SECRET, largest, 255)) <= 40
    assert len(unsubscribe_token(SECRET, largest, "wechat", largest)) <= 40


def test_each_link_has_its_address_and_unsubscribe_its_own() -> None:
    links = links_for(
        Words(), base_url="https://m.example.com/", secret=SECRET, send_id=9, member_id=4, channel="email"
    )

    assert links == {
        "favourites": f"https://m.example.com/c/{click_token(SECRET, 9, 0)}",
        "shop": f"https://m.example.com/c/{click_token(SECRET, 9, 1)}",
        "unsubscribe": f"https://m.example.com/u/{unsubscribe_token(SECRET, 4, 'email', 9)}",
    }


def test_the_list_unsubscribe_header_stays_readable_on_the_wire() -> None:
    # Python folds a longer token into an encoded word, and mail providers no longer find the address.
    token = unsubscribe_token(SECRET, 2**48 - 1, "email", 2**48 - 1)
    message = EmailMessage(policy=SMTP)
    message["List-Unsubscribe"] = f"<https://crm.example.com/u/{token}>"

    assert f"<https://crm.example.com/u/{token}>".encode() in message.as_bytes()


def test_a_link_to_a_survey_has_a_token_of_its_own_kind() -> None:
    compiled = Words(("shop", "visit"))
    links = links_for(compiled, base_url="https://crm.example/", secret=SECRET, send_id=7, member_id=3, channel="sms")
    shop, visit = (links[name].removeprefix("https://crm.example/") for name in ("shop", "visit"))

    assert (shop[:2], visit[:2]) == ("c/", "s/")
    assert read_survey_token(SECRET, visit[2:]) == Click(send_id=7, link_index=1)
    assert read_survey_token(SECRET, shop[2:]) is read_click_token(SECRET, visit[2:]) is None
