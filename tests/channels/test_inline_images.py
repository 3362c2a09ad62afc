"""Pictures travel inside a mail, where its HTML finds them, and are encoded once."""

import base64
import email
import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email import policy
from email.message import EmailMessage

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mail_sinks import mail
from test_sendgrid import MESSAGE, TAKEN, sent

from channels.email import inline_images
from channels.email.mime import date_line, recipient, skeleton_for, write_mail
from channels.email.settings import SmtpSettings
from channels.errors import MessageRefused
from channels.message import Message, OutcomeKind

SKELETON = skeleton_for(
    SmtpSettings(host="mail.example.com", sender_address="crm@example.com", sender_name="潮汐会员中心")
)
MAGIC = {"image/png": b"\x89PNG\r\n\x1a\n", "image/jpeg": b"\xff\xd8\xff\xe0", "image/gif": b"GIF89a"}
LOGO, BACK = "logo-0a1b2c3d4e5f.png@tidings", "back-5f4e3d2c1b0a.gif@tidings"
IMAGES = {LOGO: MAGIC["image/png"] + bytes(range(256)) * 40, BACK: MAGIC["image/gif"] + b"\r\n.\r\n" * 30}
HTML = f'<p>您好</p><img src="cid:{LOGO}" alt="标志"><img src="cid:{BACK}" alt="">'


def read(message: Message) -> EmailMessage:
    wire = write_mail(SKELETON, message, to=recipient(message), date=date_line(datetime(2026, 11, 5, tzinfo=UTC)))
    assert wire.isascii() and wire.find(b"\r\n.\r\n") == len(wire) - 5
    assert max(map(len, wire.split(b"\r\n"))) <= 998
    found = email.message_from_bytes(wire[:-3].replace(b"\r\n..", b"\r\n."), policy=policy.SMTP)
    assert isinstance(found, EmailMessage)
    assert not [defect for part in found.walk() for defect in part.defects]
    return found


def test_text_comes_first_then_html_with_what_it_shows() -> None:
    found = read(mail("m1", parts={"subject": "生日快乐", "text": "您好", "html": HTML}, images=IMAGES))

    assert found["Subject"] == "生日快乐"
    assert found.get_content_type() == "multipart/alternative"
    text, related = found.iter_parts()
    assert text.get_content_type() == "text/plain" and text.get_content().strip() == "您好"
    assert related.get_content_type() == "multipart/related" and related.get_param("type") == "text/html"
    html, *pictures = related.iter_parts()
    assert html.get_content_type() == "text/html" and html.get_content().strip() == HTML
    assert {str(each["Content-ID"]).strip("<>"): each.get_content() for each in pictures} == IMAGES
    assert [each.get_content_type() for each in pictures] == ["image/png", "image/gif"]
    assert {each.get_content_disposition() for each in pictures} == {"inline"}
    assert [each.get_filename() for each in pictures] == ["logo-0a1b2c3d4e5f.png", "back-5f4e3d2c1b0a.gif"]


def test_every_picture_the_html_speaks_of_is_there_without_text_too() -> None:
    found = read(mail("m1", parts={"subject": "x", "html": HTML}, images=IMAGES))

    assert found.get_content_type() == "multipart/related"
    html, *pictures = found.iter_parts()
    spoken = re.findall(r"cid:([^\"]+)", html.get_content())
    assert [f"<{name}>" for name in spoken] == [each["Content-ID"] for each in pictures]


def test_a_mail_without_html_carries_no_pictures() -> None:
    found = read(mail("m1", parts={"subject": "x", "text": "您好"}, images=IMAGES))

    assert found.get_content_type() == "text/plain"


@given(kind=st.sampled_from(sorted(MAGIC)), rest=st.binary(max_size=500))
def test_any_picture_comes_back_byte_for_byte(kind: str, rest: bytes) -> None:
    content = MAGIC[kind] + rest
    found = read(mail("m1", parts={"subject": "x", "text": "y", "html": HTML}, images={LOGO: content}))

    *_others, picture = found.walk()
    assert picture.get_content_type() == kind and picture.get_content() == content


def test_a_thousand_mails_of_one_version_encode_its_pictures_once() -> None:
    inline_images._encoded.cache_clear()

    for number in range(1000):
        read_only = mail(f"m{number}", parts={"subject": "x", "html": HTML}, images=IMAGES)
        write_mail(SKELETON, read_only, to=read_only.address, date=b"Date: x\r\n")

    assert inline_images._encoded.cache_info().misses == 1


@pytest.mark.parametrize(
    "images",
    [
        {"logo.png": IMAGES[LOGO]},
        {"a@b\r\nBcc: x@example.com": IMAGES[LOGO]},
        {'a"@b': IMAGES[LOGO]},
        {"a@b>": IMAGES[LOGO]},
        {LOGO: b"<svg></svg>"},
        {LOGO: b""},
    ],
)
def test_what_cannot_stand_in_a_mail_is_refused_before_it_is_written(images: Mapping[str, bytes]) -> None:
    with pytest.raises(MessageRefused):
        read(mail("m1", parts={"subject": "x", "html": HTML}, images=images))


def test_sendgrid_is_given_pictures_as_inline_attachments() -> None:
    message = Message(
        reference="a",
        channel=MESSAGE.channel,
        address=MESSAGE.address,
        parts={**MESSAGE.parts, "html": HTML},
        images=IMAGES,
    )

    outcome, server = sent(TAKEN, message=message)

    assert outcome.kind is OutcomeKind.ACCEPTED
    attached = json.loads(server.requests[0].partition(b"\r\n\r\n")[2])["attachments"]
    assert {each["content_id"]: base64.b64decode(each["content"]) for each in attached} == IMAGES
    assert [(each["type"], each["filename"], each["disposition"]) for each in attached] == [
        ("image/png", "logo-0a1b2c3d4e5f.png", "inline"),
        ("image/gif", "back-5f4e3d2c1b0a.gif", "inline"),
    ]


def test_what_sendgrid_is_told_by_parts_is_not_written_as_a_mail_beside() -> None:
    inline_images._encoded.cache_clear()

    sent(TAKEN, message=mail("m1", parts={**MESSAGE.parts, "html": HTML}, images=IMAGES))

    assert inline_images._encoded.cache_info().misses == 0


def test_a_picture_that_cannot_stand_in_a_mail_is_not_given_to_sendgrid() -> None:
    message = mail("m1", parts={**MESSAGE.parts, "html": HTML}, images={LOGO: b"<svg></svg>"})

    outcome, server = sent(TAKEN, message=message)

    assert (outcome.kind, server.requests) == (OutcomeKind.REJECTED, [])
