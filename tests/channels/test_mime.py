"""Every mail is read back by the standard library's parser, which has no part in writing it."""

import email
import email.header
import re
from datetime import UTC, datetime
from email import policy
from email.message import EmailMessage

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mail_sinks import mail

from channels.email.mime import date_line, recipient, skeleton_for, write_mail
from channels.email.settings import SmtpSettings
from channels.errors import AddressRefused, ContentRefused, MessageRefused
from channels.message import Message

SETTINGS = SmtpSettings(
    host="mail.example.com",
    sender_address="crm@example.com",
    sender_name="潮汐会员中心",
    reply_to="care@example.com",
    feedback_sender="tidings1",
)
NOW = datetime(2026, 11, 5, 8, 30, tzinfo=UTC)
ONE_CLICK = {
    "List-Unsubscribe": f"<https://crm.example.com/u/{'t' * 90}>, <mailto:unsubscribe@example.com?subject={'t' * 40}>",
    "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
}
#: Any text without halves of surrogate pairs.
words = st.text(st.characters(exclude_categories=["Cs"]), max_size=300)


def written(message: Message, settings: SmtpSettings = SETTINGS) -> bytes:
    return write_mail(skeleton_for(settings), message, to=recipient(message), date=date_line(NOW))


def read(wire: bytes) -> EmailMessage:
    """Undo the dot-stuffing as RFC 5321 says and let the standard parser read the rest."""
    assert wire.endswith(b"\r\n.\r\n")
    assert wire.find(b"\r\n.\r\n") == len(wire) - 5, "a server would see the end of the mail too early"
    assert wire.count(b"\n") == wire.count(b"\r") == wire.count(b"\r\n")
    assert wire.isascii()
    assert max(map(len, wire.split(b"\r\n"))) <= 998
    message = email.message_from_bytes(wire[:-3].replace(b"\r\n..", b"\r\n."), policy=policy.SMTP)
    assert isinstance(message, EmailMessage)
    return message


def part(message: EmailMessage, kind: str) -> str | None:
    found = message.get_body((kind,))
    return None if found is None else found.get_content()


def with_line_ends(text: str) -> str:
    return re.sub(r"\r\n|\r|\n", "\r\n", text)


def test_the_parser_reads_back_what_was_written():
    found = read(written(mail("m1", headers=ONE_CLICK)))

    assert found["subject"] == "生日快乐"
    assert found["from"].addresses[0].display_name == "潮汐会员中心"
    assert found["from"].addresses[0].addr_spec == "crm@example.com"
    assert found["to"].addresses[0].addr_spec == "m1@members.example.com"
    assert found["reply-to"].addresses[0].addr_spec == "care@example.com"
    assert found["message-id"] == "<m1@example.com>"
    assert found["date"].datetime == NOW
    assert found["x-tidings-reference"] == "m1"
    assert found["feedback-id"] == "birthday:tidings1"
    assert found.get_content_type() == "multipart/alternative"
    assert [each.get_content_type() for each in found.iter_parts()] == ["text/plain", "text/html"]
    assert part(found, "plain") == "亲爱的会员，\r\n.\r\n生日快乐！"
    assert part(found, "html") == "<p>生日快乐！</p>"
    assert not any(each.defects for each in found.walk())


def test_one_click_headers_stay_on_one_line_however_long():
    wire = written(mail("m1", headers=ONE_CLICK))

    for name, value in ONE_CLICK.items():
        assert f"\r\n{name}: {value}\r\n".encode() in wire


@pytest.mark.parametrize(
    "subject",
    [
        "🎂" * 60,
        "尊敬的金卡会员您好" * 40,
        "a" * 900,
        " leading and trailing ",
        "two  spaces",
        "=?utf-8?q?=0D=0ABcc: x@example.com?=",
        'quotes " and, commas; <tags>',
        "👨‍👩‍👧‍👦" * 20,
        "é" * 58,
        "混合 mixed 🎁 text",
    ],
)
def test_subjects_come_back_as_they_were_in_words_of_at_most_75_characters(subject: str):
    wire = written(mail("m1", parts={"subject": subject, "text": "x"}))

    assert read(wire)["subject"] == subject
    head = wire[: wire.index(b"\r\n\r\n")]
    assert all(len(word) <= 75 for word in re.findall(rb"=\?[^ \r\n]*\?=", head))
    lines = re.findall(rb"Subject:[^\r]*(?:\r\n [^\r]*)*", head)[0].split(b"\r\n")
    assert max(map(len, lines)) <= 76
    for word in re.findall(rb"=\?utf-8\?B\?([^?]*)\?=", head):
        email.base64mime.decode(word.decode()).decode()  # Fails where a word ends inside a character.


@pytest.mark.parametrize(
    "body",
    [".", "..", ".\n.\n", "a\n.\nb", "\n.leading dot", "trailing space \nand tab\t\n", "=3D =\n", "a\x00b\x0cc\x1b"],
)
@pytest.mark.parametrize("tail", ["", "，"])
def test_bodies_come_back_as_they_were(body: str, tail: str):
    message = mail("m1", parts={"subject": "s", "text": body + tail, "html": tail + body})
    found = read(written(message))

    assert part(found, "plain") == with_line_ends(body + tail)
    assert part(found, "html") == with_line_ends(tail + body)


@given(subject=words.filter(lambda text: bool(text.strip())), text=words.filter(bool), html=words.filter(bool))
def test_no_text_at_all_breaks_a_mail(subject: str, text: str, html: str):
    try:
        wire = written(mail("m1", parts={"subject": subject, "text": text, "html": html}))
    except ContentRefused:
        assert not subject.strip()
        return
    found = read(wire)

    assert set(found.keys()) == {
        "Date", "From", "Reply-To", "To", "Subject", "Message-ID", "X-Tidings-Reference", "Feedback-ID",
        "MIME-Version", "Content-Type",
    }  # fmt: skip
    assert part(found, "plain") == with_line_ends(text)
    assert part(found, "html") == with_line_ends(html)


@given(st.text("ab =.\t\n\r-~é礼", min_size=1, max_size=400))
def test_no_arrangement_of_dots_spaces_and_line_ends_is_lost(text: str):
    found = read(written(mail("m1", parts={"subject": "s", "text": text, "html": text})))

    assert part(found, "plain") == part(found, "html") == with_line_ends(text)


@pytest.mark.parametrize("size", [10_000, 100_000])
def test_long_mails_come_back_whole(size: int):
    text, html = "礼" * size, "<p>" + "x" * size + "</p>"
    found = read(written(mail("m1", parts={"subject": "s", "text": text, "html": html})))

    assert (part(found, "plain"), part(found, "html")) == (text, html)


def test_a_mail_with_one_part_has_no_empty_other():
    only_text = read(written(mail("m1", parts={"subject": "s", "text": "words", "html": ""})))
    only_html = read(written(mail("m1", parts={"subject": "s", "html": "<b>礼</b>"})))

    assert (only_text.get_content_type(), only_text.get_content()) == ("text/plain", "words\r\n")
    assert (only_html.get_content_type(), only_html.get_content()) == ("text/html", "<b>礼</b>")


@pytest.mark.parametrize("parts", [{}, {"subject": "s"}, {"text": "t"}, {"subject": " \r\n", "text": "t"}])
def test_a_mail_without_subject_or_words_is_refused(parts: dict[str, str]):
    with pytest.raises(ContentRefused):
        written(mail("m1", parts=parts))


INJECTIONS = ["\r\nBcc: x@example.com", "\nBcc: x@example.com", "\rBcc: x", "\x0bBcc: x", "\x85Bcc: x", "\u2028Bcc: x"]


@pytest.mark.parametrize("injection", INJECTIONS)
def test_no_field_can_smuggle_in_a_header(injection: str):
    found = read(written(mail("m1", template=f"t{injection}", parts={"subject": f"s{injection}", "text": "t"})))

    assert "bcc" not in found
    assert found["subject"] == re.sub(r"[\r\n\x0b\x85\u2028]", " ", f"s{injection}")
    with pytest.raises(AddressRefused):
        recipient(mail("m1", address=f"a@example.com{injection}"))
    with pytest.raises(MessageRefused):
        written(mail(f"m1{injection}", address="a@example.com"))
    with pytest.raises(MessageRefused):
        written(mail("m1", headers={"List-Unsubscribe": f"<https://example.com>{injection}"}))
    with pytest.raises(MessageRefused):
        written(mail("m1", headers={f"X-Mark{injection}": "1"}))
    for field in ("sender_name", "sender_address", "reply_to", "bounce_address", "hello_name", "username"):
        with pytest.raises(ValueError, match=field):
            SmtpSettings.model_validate({**SETTINGS.model_dump(), "password": "p", field: f"a@example.com{injection}"})


@pytest.mark.parametrize(
    "name", ["Bcc", "To", "From", "Subject", "Content-Type", "MIME-Version", "X-Tidings-Reference"]
)
def test_a_message_cannot_replace_the_headers_that_are_ours(name: str):
    with pytest.raises(MessageRefused):
        written(mail("m1", headers={name: "x"}))


def test_a_header_longer_than_a_line_is_refused_rather_than_folded():
    with pytest.raises(MessageRefused):
        written(mail("m1", headers={"List-Unsubscribe": f"<https://example.com/{'t' * 1000}>"}))


@pytest.mark.parametrize(
    ("address", "ascii_address"),
    [
        ("li.lei@例子.公司", "li.lei@xn--fsqu00a.xn--55qx5d"),
        ("a@MÜNCHEN.example", "a@xn--mnchen-3ya.example"),
        ("o'neil+tag@example.com", "o'neil+tag@example.com"),
    ],
)
def test_domains_outside_ascii_are_written_by_idna(address: str, ascii_address: str):
    assert recipient(mail("m1", address=address)) == ascii_address


@pytest.mark.parametrize(
    "address",
    ["李雷@example.com", "", "abc", "@example.com", "a@", "a@b", "a b@example.com", "a@@example.com", "a@exa mple.com",
     "a..b@example.com", ".a@example.com", "a@-example.com", "a@example..com", "<a@example.com>", "a@[127.0.0.1]",
     "a" * 65 + "@example.com", "a@" + "d" * 64 + ".com", "a@" + "d." * 100 + "com", "a,b@example.com", "a@ex\u0000.com"],
)  # fmt: skip
def test_an_address_no_server_can_be_asked_about_is_refused_without_being_repeated(address: str):
    with pytest.raises(AddressRefused) as refused:
        recipient(mail("m1", address=address))

    assert not address or address not in str(refused.value)


@pytest.mark.parametrize("name", ['A "quoted" \\ name', "plain", "潮汐会员中心" * 2, "=?utf-8?q?x?=", ""])
def test_any_sender_name_comes_back_as_it_was(name: str):
    found = read(written(mail("m1"), SETTINGS.model_copy(update={"sender_name": name})))

    assert found["from"].addresses[0].display_name == name
    assert found["from"].addresses[0].addr_spec == "crm@example.com"


def test_a_sender_name_too_long_for_one_word_takes_several():
    wire = written(mail("m1"), SETTINGS.model_copy(update={"sender_name": "潮汐会员" * 20}))
    line = re.search(rb"\r\nFrom: ([^\r]*(?:\r\n [^\r]*)*)", wire)

    assert line is not None
    # The parser of Python 3.11 puts spaces between the words of a name, so only the words are decoded here.
    decoded = email.header.decode_header(line[1].decode())
    assert [text.decode(charset or "ascii").strip() for text, charset in decoded] == [
        "潮汐会员" * 20,
        "<crm@example.com>",
    ]
    assert max(map(len, line[1].split(b"\r\n"))) <= 76
