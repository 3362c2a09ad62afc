"""The bounce mailbox against a small IMAP server: nothing is lost, nothing counts twice."""

from collections.abc import Sequence
from datetime import UTC, datetime

import pytest
from bounce_mails import block, feedback_report, status_report
from pydantic import ValidationError
from scripted_imap import ScriptedImap

from channels.email.bounce_mailbox import BounceMailbox, BounceMailboxSettings, Look
from channels.email.bounce_reports import report_of
from channels.email.bounces import read_bounce
from channels.email.return_address import ReturnAddress
from channels.errors import ProviderMisconfigured, ProviderUnavailable
from channels.message import DeliveryReport, ReportStatus

OURS = ReturnAddress(address="bounce@example.com")
DEAD = status_report(block("550 5.1.1 User unknown", status="5.1.1")).replace(
    b"MIME-Version", b"Date: Sat, 21 Nov 2026 23:13:12 +0800\nMIME-Version"
)
FULL = status_report(block("552 5.2.2 Mailbox full", status="5.2.2"))
SPAM = status_report(block("554 5.7.1 spam", status="5.7.1"))
LATE = status_report(block("451 4.7.1 Greylisted", status="4.7.1", action="delayed"))
AWAY = (
    b"From: li@example.net\nTo: bounce+0badcafe-7@example.com\nSubject: Away\nAuto-Submitted: auto-replied\n\nAway.\n"
)
PERSON = b"From: li@example.net\nTo: bounce@example.com\nSubject: hello\n\nHello?\n"
MIXED = status_report(
    block("550 5.1.1 User unknown", address="a@example.net"), block("552 5.2.2 full", address="b@example.net")
)


def mailbox(server: ScriptedImap, password: str = "geheim 密码") -> BounceMailbox:
    settings = BounceMailboxSettings(
        host="127.0.0.1", port=server.port, security="none", username="bounces", password=password, timeout=5
    )
    return BounceMailbox(settings, OURS)


class Stored:
    """What a caller stored, by key, as a table with a unique key would."""

    def __init__(self) -> None:
        self.by_key: dict[str, DeliveryReport] = {}

    def __call__(self, reports: Sequence[DeliveryReport]) -> None:
        self.by_key.update({each.key: each for each in reports})


@pytest.mark.parametrize(
    ("mail", "status"),
    [
        (DEAD, ReportStatus.BOUNCED),
        (FULL, ReportStatus.FAILED),
        (SPAM, ReportStatus.FAILED),
        (MIXED, ReportStatus.FAILED),
        (feedback_report("abuse"), ReportStatus.COMPLAINED),
        (feedback_report("not-spam"), None),
        (LATE, None),
        (AWAY, None),
        (PERSON, None),
        (DEAD.replace(b"0badcafe-7", b""), None),
    ],
)
def test_only_what_is_final_and_about_our_message_is_reported(mail: bytes, status: ReportStatus | None):
    report = report_of(read_bounce(mail, OURS), mail)

    assert (report.status if report else None) == status
    assert report is None or report.reference == "0badcafe-7"


def test_a_report_keeps_the_server_s_words_and_moment():
    report = report_of(read_bounce(DEAD, OURS), DEAD)

    assert report is not None
    assert (report.provider, report.code) == ("email.smtp", "550 5.1.1")
    assert report.occurred_at == datetime(2026, 11, 21, 15, 13, 12, tzinfo=UTC)
    assert report.raw["diagnostic"] == "550 5.1.1 User unknown"


def test_the_same_mail_over_another_way_has_the_same_key_and_another_mail_another():
    again = b"Received: from elsewhere\n" + DEAD
    first, second = report_of(read_bounce(DEAD, OURS), DEAD), report_of(read_bounce(again, OURS), again)
    other_mail = DEAD.replace(b"report-1@", b"report-2@")
    other = report_of(read_bounce(other_mail, OURS), other_mail)

    assert first is not None
    assert second is not None
    assert other is not None
    assert first.key == second.key != other.key


def test_a_look_stores_what_came_and_then_marks_it():
    with ScriptedImap(DEAD, PERSON, feedback_report("abuse"), AWAY) as server:
        stored = Stored()
        look = mailbox(server).look(stored)

        assert look == Look(mails=4, reports=2, passed_over=2)
        assert sorted(each.status for each in stored.by_key.values()) == ["bounced", "complained"]
        assert server.flagged(r"\Seen") == [7, 9, 10]
        assert server.flagged("TidingsRead") == [8]  # A person's mail stays unseen for people.
        assert mailbox(server).look(stored) == Look(mails=0, reports=0, passed_over=0)


def test_what_could_not_be_stored_stays_unseen_and_comes_again():
    def failing(reports: Sequence[DeliveryReport]) -> None:
        raise RuntimeError("the database is away")

    with ScriptedImap(DEAD, PERSON) as server:
        with pytest.raises(RuntimeError, match="database"):
            mailbox(server).look(failing)
        assert not any(each.flags for each in server.mails.values())

        stored = Stored()
        assert mailbox(server).look(stored).reports == 1


def test_a_look_cut_short_before_the_marks_changes_nothing_when_repeated():
    with ScriptedImap(DEAD, FULL.replace(b"report-1@", b"report-2@")) as server:
        stored = Stored()
        server.hangs_up_at = "UID STORE"
        with pytest.raises(ProviderUnavailable):
            mailbox(server).look(stored)
        server.hangs_up_at = ""
        before = dict(stored.by_key)

        assert mailbox(server).look(stored).reports == 2
        assert stored.by_key == before
        assert server.flagged(r"\Seen") == [7, 8]


def test_many_mails_are_stored_batch_by_batch():
    batches: list[int] = []
    with ScriptedImap(*(DEAD.replace(b"report-1@", b"report-%d@" % n) for n in range(120))) as server:
        look = mailbox(server).look(lambda reports: batches.append(len(reports)))

    assert (look.reports, batches) == (120, [50, 50, 20])


def test_a_mail_somebody_else_took_away_is_left_alone():
    with ScriptedImap(DEAD, FULL) as server:
        server.refuses = ("UID FETCH 7",)

        assert mailbox(server).look(Stored()) == Look(mails=1, reports=1, passed_over=0)
        assert server.flagged(r"\Seen") == [8]


def test_on_a_server_without_keywords_other_mail_is_marked_as_seen():
    with ScriptedImap(PERSON) as server:
        server.refuses = ("+FLAGS.SILENT (TidingsRead)",)
        mailbox(server).look(Stored())

        assert server.flagged(r"\Seen") == [7]


@pytest.mark.parametrize("command", ["AUTHENTICATE", "SELECT", "UID SEARCH", "UID FETCH"])
def test_a_server_that_hangs_up_is_unavailable_and_nothing_is_marked(command: str):
    with ScriptedImap(DEAD) as server:
        server.hangs_up_at = command
        with pytest.raises(ProviderUnavailable):
            mailbox(server).look(Stored())

        assert not any(each.flags for each in server.mails.values())


def test_a_wrong_password_or_folder_is_the_operator_s_matter_and_is_not_told():
    with ScriptedImap(DEAD) as server:
        with pytest.raises(ProviderMisconfigured, match="login") as refused:
            mailbox(server, "wrong secret").look(Stored())
        assert "wrong secret" not in str(refused.value)
        server.refuses = ("SELECT",)
        with pytest.raises(ProviderMisconfigured, match="folder"):
            mailbox(server).look(Stored())


def test_a_server_that_is_not_there_is_unavailable():
    with ScriptedImap() as server:
        gone = mailbox(server)
    with pytest.raises(ProviderUnavailable):
        gone.look(Stored())


@pytest.mark.parametrize(
    "wrong",
    [
        {"host": "imap.example.com", "security": "none"},
        {"folder": 'INBOX"\r\nA1 DELETE "x'},
        {"username": "a\r\nb"},
        {"timeout": 0},
    ],
)
def test_settings_that_leak_or_inject_are_refused(wrong: dict[str, object]):
    right = {"host": "127.0.0.1", "security": "none", "username": "bounces", "password": "geheim"}

    assert "geheim" not in repr(BounceMailboxSettings.model_validate(right))
    with pytest.raises(ValidationError):
        BounceMailboxSettings.model_validate({**right, **wrong})
