"""The table of replies, case by case; the texts are those servers really print."""

import pytest

from channels.email.replies import Reply, Stage, accepted, outcome, queue_id, refusal
from channels.errors import (
    AddressBusy,
    AddressRefused,
    ContentRefused,
    MemberRefused,
    MessageRefused,
    ProviderMisconfigured,
    ProviderUnavailable,
)
from channels.message import Blame, OutcomeKind


def reply(line: str) -> Reply:
    return Reply(int(line[:3]), line.encode() + b"\r\n")


CASES = [
    (Stage.RECIPIENT, "550 5.1.1 <x@example.com>: Recipient address rejected: User unknown", AddressRefused),
    (Stage.RECIPIENT, "550 5.1.10 RESOLVER.ADR.RecipientNotFound", AddressRefused),
    (Stage.RECIPIENT, "553 5.1.2 bad domain", AddressRefused),
    (Stage.RECIPIENT, "501 5.1.3 bad address syntax", AddressRefused),
    (Stage.RECIPIENT, "550 5.4.4 host not found", AddressRefused),
    (Stage.RECIPIENT, "550 5.2.1 The email account that you tried to reach is disabled", AddressRefused),
    (Stage.RECIPIENT, "550 Mailbox not found", AddressRefused),
    (Stage.RECIPIENT, "550 No such user here", AddressRefused),
    (Stage.RECIPIENT, "550 5.0.0 User unknown", AddressRefused),
    (Stage.RECIPIENT, "559 Invalid rcptto [@sm070102]", AddressRefused),
    (Stage.CONTENT, "550 5.1.1 no such recipient", AddressRefused),
    (Stage.RECIPIENT, "550 5.2.1 The user is receiving mail at a rate that prevents delivery", ProviderUnavailable),
    (Stage.RECIPIENT, "550 Connection frequency limited", ProviderUnavailable),
    (Stage.CONTENT, "550 Ip frequency limited", ProviderUnavailable),
    (Stage.RECIPIENT, "550 Mailbox unavailable or access denied", ProviderUnavailable),
    (Stage.RECIPIENT, "450 4.2.1 mailbox busy", AddressBusy),
    (Stage.RECIPIENT, "451 4.7.1 Greylisted, please try again", AddressBusy),
    (Stage.RECIPIENT, "452 4.2.2 mailbox full", AddressBusy),
    (Stage.RECIPIENT, "450 4.1.1 <x@example.com>: Recipient address rejected: unverified address", AddressBusy),
    (Stage.RECIPIENT, "450 4.2.0 <x@example.com>: Recipient address rejected: Greylisted", AddressBusy),
    (Stage.RECIPIENT, "450 4.7.1 Client host rejected: gray-listed, see our page", AddressBusy),
    (Stage.RECIPIENT, "450 mailbox busy", AddressBusy),
    (Stage.RECIPIENT, "450 4.7.1 Client host rejected: cannot find your hostname", ProviderUnavailable),
    (Stage.RECIPIENT, "451 4.3.5 Server configuration error", ProviderUnavailable),
    (Stage.RECIPIENT, "451 4.3.0 <x@example.com>: Temporary lookup failure", ProviderUnavailable),
    (Stage.RECIPIENT, "452 4.3.1 Insufficient system storage", ProviderUnavailable),
    (Stage.RECIPIENT, "450 4.1.7 <crm@example.com>: Sender address rejected: unverified", ProviderUnavailable),
    (Stage.RECIPIENT, "450 4.1.8 <crm@example.com>: Sender address rejected: Domain not found", ProviderUnavailable),
    (Stage.SENDER, "450 4.2.1 mailbox busy", ProviderUnavailable),
    (Stage.CONTENT, "450 4.2.1 mailbox busy", ProviderUnavailable),
    (Stage.SENDER, "421 4.7.0 [TSS04] Messages temporarily deferred", ProviderUnavailable),
    (Stage.GREETING, "421 too many connections", ProviderUnavailable),
    (Stage.GREETING, "554 5.7.1 blocked", ProviderMisconfigured),
    (Stage.SENDER, "530 5.7.0 Must issue a STARTTLS command first", ProviderMisconfigured),
    (Stage.SENDER, "550 5.1.8 sender address does not exist", ProviderMisconfigured),
    (Stage.LOGIN, "535 5.7.8 authentication failed", ProviderMisconfigured),
    (Stage.LOGIN, "454 4.7.0 temporary authentication failure", ProviderMisconfigured),
    (Stage.RECIPIENT, "554 5.7.1 Relay access denied", ProviderMisconfigured),
    (Stage.RECIPIENT, "550 Connection denied", ProviderMisconfigured),
    (Stage.CONTENT, "550 5.7.26 unauthenticated mail", ProviderMisconfigured),
    (Stage.CONTENT, "550 5.7.515 access denied", ProviderMisconfigured),
    (Stage.CONTENT, "550 5.7.606 banned sending IP", ProviderMisconfigured),
    (Stage.RECIPIENT, "551 account is blocked", ProviderMisconfigured),
    (Stage.CONTENT, "550 Mail content denied", ContentRefused),
    (Stage.CONTENT, "554 DT:SPM 163 smtp", ContentRefused),
    (Stage.CONTENT, "552 5.3.4 message size exceeds limit", ContentRefused),
    (Stage.RECIPIENT, "550 5.7.1 the recipient has opted out", MemberRefused),
    (Stage.RECIPIENT, "552 5.2.2 mailbox full", MessageRefused),
    (Stage.RECIPIENT, "554 5.4.14 hop count exceeded", MessageRefused),
    (Stage.RECIPIENT, "550 we do not like this", MessageRefused),
    (Stage.RECIPIENT, "501 syntax error", MessageRefused),
    (Stage.CONTENT, "554 transaction failed", MessageRefused),
]


@pytest.mark.parametrize(("stage", "line", "error"), CASES, ids=[line for _, line, _ in CASES])
def test_a_refusal_means_what_the_table_says(stage: Stage, line: str, error: type[Exception]):
    assert type(refusal(reply(line), stage)) is error


@pytest.mark.parametrize("stage", [Stage.GREETING, Stage.LOGIN, Stage.SENDER])
def test_nothing_said_before_the_recipient_is_blamed_on_the_address(stage: Stage):
    assert outcome(reply("550 5.1.1 user unknown"), stage).blame is Blame.ACCOUNT


def test_every_temporary_refusal_leaves_the_mail_unsent():
    outcomes = {outcome(reply(f"{code} 4.0.0 not now"), stage).kind for code in range(400, 500) for stage in Stage}

    assert outcomes == {OutcomeKind.NOT_SENT}


def test_the_servers_own_words_do_not_reach_the_outcome_because_they_repeat_the_address():
    found = outcome(reply("550 5.1.1 <li@example.com>: Recipient address rejected"), Stage.RECIPIENT)

    assert found.code == "550 5.1.1"
    assert found.detail == "The server refused the recipient (550 5.1.1)."


def test_greylisting_names_the_wait():
    assert outcome(reply("450 4.2.0 Greylisted"), Stage.RECIPIENT).retry_after == 300


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("250 2.0.0 Ok: queued as 4Xk2Jn0Rz5z9sQ", "4Xk2Jn0Rz5z9sQ"),
        ("250 OK id=1tAbCd-000abc-2X", "1tAbCd-000abc-2X"),
        ("250 Ok 010001930f2a1b2c-0a1b2c3d-4e5f-6789-abcd-ef0123456789-000000", "010001930f2a1b2c-0a1b2c3d-4e5f-6789-abcd-ef0123456789-000000"),
        ("250 2.0.0 thanks", None),
    ],
)  # fmt: skip
def test_the_servers_id_is_found_where_we_know_its_shape(line: str, expected: str | None):
    assert queue_id(reply(line)) == expected
    assert accepted(reply(line), "<m1@example.com>").provider_ref == (expected or "<m1@example.com>")


def test_a_reply_of_several_lines_is_judged_by_all_of_them():
    lines = Reply(550, b"550-5.1.1 The email account\r\n550-5.1.1 you tried to reach\r\n550 5.1.1 does not exist\r\n")

    assert isinstance(refusal(lines, Stage.RECIPIENT), AddressRefused)
