"""Amazon SES: the signature byte for byte, each documented answer, and events that are truly Amazon's."""

import base64
import email
import json
import time
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from email import policy
from pathlib import Path

import pytest
from pydantic import ValidationError
from scripted_server import Act, ScriptedServer, answer, scripted
from sns_topic import CERTIFICATE, NOW, TOPIC, Amazon, certificate, posted

from channels.email.ses import Ses, SesSettings
from channels.email.sigv4 import signed_headers
from channels.email.sns import Fetch, string_to_sign
from channels.errors import CallbackRefused, CallbackUnverified
from channels.message import Blame, CallbackRequest, Channel, DeliveryReport, Message, Outcome, OutcomeKind
from channels.registry import PROVIDERS

UNSUBSCRIBE = "<https://crm.example.com/u/" + "t" * 90 + ">, <mailto:unsub@example.org?subject=abc>"
MESSAGE = Message(
    reference="0a1b2c3d-42",
    channel=Channel.EMAIL,
    address="m@example.com",
    parts={"subject": "生日快乐", "text": "您好\n.\n再见", "html": "<p>您好</p>"},
    template="birthday",
    headers={"List-Unsubscribe": UNSUBSCRIBE, "List-Unsubscribe-Post": "List-Unsubscribe=One-Click"},
)
SECRET = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
TAKEN = {"MessageId": "0100017f-1111-2222"}
MAIL = {
    "timestamp": "2026-11-05T08:29:00.000Z",
    "messageId": "0100017f-1111-2222",
    "destination": ["m@example.com"],
    "tags": {"tidings-reference": ["0a1b2c3d-42"]},
}


def opened(endpoint: str | None, *, fetch: Fetch | None = None, now: datetime = NOW, **more: object) -> Ses:
    settings = {
        "access_key_id": "AKIDEXAMPLE",
        "secret_access_key": SECRET,
        "region": "us-east-1",
        "sender_address": "news@example.org",
        "sender_name": "示例商城",
        "topics": [TOPIC],
        "endpoint": endpoint,
        **more,
    }
    return Ses(SesSettings.model_validate(settings), fetch=fetch, clock=lambda: now)


def sent(*acts: Act, message: Message = MESSAGE, **more: object) -> tuple[Outcome, ScriptedServer]:
    with scripted(*acts) as server:
        provider = opened(server.url, **more)  # type: ignore[arg-type]
        (outcome,) = provider.deliver([message], deadline=time.monotonic() + 10)
        provider.close()
        return outcome, server


def test_the_signature_of_a_known_request_is_the_known_one() -> None:
    headers = signed_headers(
        host="email.us-east-1.amazonaws.com",
        path="/v2/email/outbound-emails",
        body=b"{}",
        service="ses",
        region="us-east-1",
        key_id="AKIDEXAMPLE",
        secret=SECRET,
        at=datetime(2025, 6, 18, 2, 3, 4, tzinfo=UTC),
    )

    assert headers["Authorization"].endswith(
        "Signature=dd2dc748ae060d0776abd7acb4b0870e4be94a326fa9445cd5636be73bdc433d"
    )


def test_shared_signatures_are_met_byte_for_byte(shared: Path) -> None:
    for vector in json.loads((shared / "vectors" / "email.json").read_text("utf-8"))["ses_v2_sigv4"]:
        host, _, path = vector["url"].removeprefix("https://").partition("/")
        headers = signed_headers(
            host=host,
            path=f"/{path}",
            body=vector["body"].encode(),
            service=vector["service"],
            region=vector["region"],
            key_id=vector["access_key"],
            secret=vector["secret_key"],
            at=datetime.strptime(vector["headers"]["X-Amz-Date"], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC),
        )
        assert headers == vector["headers"]


def test_a_mail_goes_out_whole_with_every_header_of_ours() -> None:
    outcome, server = sent(answer(TAKEN), configuration_set="campaigns")

    head, _, body = server.requests[0].partition(b"\r\n\r\n")
    asked = json.loads(body)
    mail = email.message_from_bytes(base64.b64decode(asked["Content"].pop("Raw")["Data"]), policy=policy.SMTP)
    assert head.startswith(b"POST /v2/email/outbound-emails HTTP/1.1\r\n")
    assert asked == {
        "Destination": {"ToAddresses": ["m@example.com"]},
        "Content": {},
        "EmailTags": [{"Name": "tidings-reference", "Value": "0a1b2c3d-42"}],
        "ConfigurationSetName": "campaigns",
    }
    assert (mail["from"], mail["to"]) == ("示例商城 <news@example.org>", "m@example.com")
    assert (mail["list-unsubscribe"], mail["list-unsubscribe-post"]) == (UNSUBSCRIBE, "List-Unsubscribe=One-Click")
    assert mail["x-tidings-reference"] == "0a1b2c3d-42"
    assert mail.get_body(("plain",)).get_content() == "您好\r\n.\r\n再见"
    assert (outcome.kind, outcome.provider_ref) == (OutcomeKind.ACCEPTED, "0100017f-1111-2222")


def test_a_line_that_begins_with_a_dot_is_not_doubled() -> None:
    plain = Message(
        reference="a", channel=Channel.EMAIL, address="m@example.com", parts={"subject": "s", "text": "a\n.b\n..c"}
    )

    _, server = sent(answer(TAKEN), message=plain)

    raw = base64.b64decode(json.loads(server.requests[0].partition(b"\r\n\r\n")[2])["Content"]["Raw"]["Data"])
    assert raw.endswith(b"\r\n\r\na\r\n.b\r\n..c\r\n")


def test_a_reference_that_can_be_no_tag_travels_in_its_header_alone() -> None:
    dotted = Message(
        reference="a.b", channel=Channel.EMAIL, address="m@example.com", parts={"subject": "s", "text": "t"}
    )

    _, server = sent(answer(TAKEN), message=dotted)

    asked = json.loads(server.requests[0].partition(b"\r\n\r\n")[2])
    assert "EmailTags" not in asked
    assert b"X-Tidings-Reference: a.b\r\n" in base64.b64decode(asked["Content"]["Raw"]["Data"])


ANSWERS = [
    (400, "TooManyRequestsException", "Maximum sending rate exceeded.", OutcomeKind.NOT_SENT, Blame.NOBODY),
    (429, "TooManyRequestsException", "", OutcomeKind.NOT_SENT, Blame.NOBODY),
    (400, "ThrottlingException", "Rate exceeded", OutcomeKind.NOT_SENT, Blame.NOBODY),
    (503, "ServiceUnavailable", "", OutcomeKind.NOT_SENT, Blame.NOBODY),
    (400, "MessageRejected", "Email contains invalid content m@example.com", OutcomeKind.REJECTED, Blame.CONTENT),
    (400, "MessageRejected", "Email address is not verified. m@example.com", OutcomeKind.NOT_SENT, Blame.ACCOUNT),
    (400, "BadRequestException", "Illegal address", OutcomeKind.REJECTED, Blame.ADDRESS),
    (400, "BadRequestException", "Missing final '@domain'", OutcomeKind.REJECTED, Blame.ADDRESS),
    (400, "BadRequestException", "Invalid tag", OutcomeKind.REJECTED, Blame.NOBODY),
    (400, "AccountSuspendedException", "", OutcomeKind.NOT_SENT, Blame.ACCOUNT),
    (400, "SendingPausedException", "", OutcomeKind.NOT_SENT, Blame.ACCOUNT),
    (400, "LimitExceededException", "", OutcomeKind.NOT_SENT, Blame.ACCOUNT),
    (400, "MailFromDomainNotVerifiedException", "", OutcomeKind.NOT_SENT, Blame.ACCOUNT),
    (404, "NotFoundException", "Configuration set does not exist", OutcomeKind.NOT_SENT, Blame.ACCOUNT),
    (403, "InvalidSignatureException", "", OutcomeKind.NOT_SENT, Blame.ACCOUNT),
    (403, "SomethingNewException", "", OutcomeKind.NOT_SENT, Blame.ACCOUNT),
    (500, "InternalServiceErrorException", "", OutcomeKind.UNKNOWN, Blame.NOBODY),
    (400, "SomethingNewException", "", OutcomeKind.UNKNOWN, Blame.NOBODY),
]


@pytest.mark.parametrize(("status", "code", "words", "kind", "blame"), ANSWERS)
def test_each_documented_answer_has_its_meaning(
    status: int, code: str, words: str, kind: OutcomeKind, blame: Blame
) -> None:
    error = f"x-amzn-ErrorType: {code}:http://internal.amazon.com/coral/"
    outcome, _ = sent(answer({"message": words}, status=status, headers=[error]))

    assert (outcome.kind, outcome.blame) == (kind, blame)
    assert outcome.code == ("429" if status == 429 else code)
    assert "m@example.com" not in repr(outcome)


@pytest.mark.parametrize("said", [{}, {"MessageId": ""}, {"MessageId": 7}, "<html>", "[]"])
def test_a_yes_that_names_no_message_leaves_the_outcome_unknown(said: object) -> None:
    assert sent(answer(said))[0].kind is OutcomeKind.UNKNOWN


def test_the_region_has_its_own_address_unless_another_is_set() -> None:
    for region, host in (
        ("eu-west-1", "email.eu-west-1.amazonaws.com"),
        ("cn-north-1", "email.cn-north-1.amazonaws.com.cn"),
    ):
        provider = opened(None, region=region)
        assert provider._http.host == host
        provider.close()


@pytest.mark.parametrize(
    "more",
    [
        {"topics": ["arn:aws:sns:us-east-1:1:x"]},
        {"topics": ["arn:aws:sns:evil.example:123456789012:x"]},
        {"region": "s3"},
        {"sender_name": "a\r\nBcc: b"},
    ],
)
def test_settings_that_cannot_be_meant_are_refused(more: Mapping[str, object]) -> None:
    with pytest.raises(ValidationError):
        opened("http://127.0.0.1:1", **more)  # type: ignore[arg-type]


def read(body: bytes, *, page: bytes | None = None, now: datetime = NOW, **more: object) -> tuple[DeliveryReport, ...]:
    amazon = Amazon(page or certificate())
    return told(opened("http://127.0.0.1:1", fetch=amazon, now=now, **more), body)


def told(provider: Ses, body: bytes) -> tuple[DeliveryReport, ...]:
    request = CallbackRequest(method="POST", url="https://crm.example.com/c", headers={}, body=body)
    return provider.read_callback(request).reports


def test_shared_envelopes_of_both_versions_are_verified_and_read(shared: Path) -> None:
    vectors = json.loads((shared / "vectors" / "email.json").read_text("utf-8"))
    amazon = Amazon(vectors["sns_certificate_pem"].encode())
    provider = opened("http://127.0.0.1:1", fetch=amazon, now=datetime(2025, 6, 18, 2, 10, tzinfo=UTC))
    for vector in vectors["sns"]:
        said = vector["message"]
        assert string_to_sign(said) == vector["string_to_sign"]
        reports = told(provider, json.dumps(said).encode())
        assert [each.status.value for each in reports] == (["bounced"] if "eventType" in said["Message"] else [])
        changed = {**said, "Message": said["Message"] + " "}
        with pytest.raises(CallbackRefused, match="signature"):
            told(provider, json.dumps(changed).encode())

    assert {said["message"]["SignatureVersion"] for said in vectors["sns"]} == {"1", "2"}
    assert amazon.asked[0] == CERTIFICATE
    assert len(amazon.asked) == 2, "the certificate is fetched once, and the subscription confirmed once"


@pytest.mark.parametrize("version", ["1", "2"])
def test_both_versions_of_the_signature_are_verified(version: str) -> None:
    delivery = {"eventType": "Delivery", "mail": MAIL, "delivery": {"timestamp": "2026-11-05T08:29:30.000Z"}}

    (report,) = read(posted(delivery, version=version, Subject="Amazon SES Email Event Notification"))

    assert report == DeliveryReport(
        provider="email.ses",
        key="0100017f-1111-2222:Delivery",
        status=report.status,
        reference="0a1b2c3d-42",
        provider_ref="0100017f-1111-2222",
        occurred_at=datetime(2026, 11, 5, 8, 29, 30, tzinfo=UTC),
        raw=delivery,
    )
    assert report.status.value == "delivered"


def bounce(kind: str, more: str, diagnostic: str = "smtp; 550 5.1.1 user unknown", status: str = "5.1.1") -> object:
    words = {"emailAddress": "m@example.com", "status": status, "diagnosticCode": diagnostic}
    return {
        "notificationType": "Bounce",
        "mail": MAIL,
        "bounce": {"bounceType": kind, "bounceSubType": more, "feedbackId": "f1", "bouncedRecipients": [words]},
    }


def complaint(**more: str) -> object:
    return {"eventType": "Complaint", "mail": MAIL, "complaint": {"feedbackId": "f2", **more}}


EVENTS = [
    (bounce("Permanent", "General"), "bounced"),
    (bounce("Permanent", "NoEmail"), "bounced"),
    (bounce("Permanent", "Suppressed"), "bounced"),
    (bounce("Permanent", "OnAccountSuppressionList", "", ""), "bounced"),
    (bounce("Permanent", "UnsubscribedRecipient"), "failed"),
    (bounce("Permanent", "General", "smtp; 550 5.7.1 blocked by policy", "5.7.1"), "failed"),
    (bounce("Permanent", "General", "smtp; 552 5.2.2 mailbox full", "5.2.2"), "failed"),
    (bounce("Permanent", "General", "smtp; 550 Ip frequency limited", ""), "failed"),
    (bounce("Transient", "General"), "failed"),
    (bounce("Transient", "MailboxFull"), "failed"),
    (bounce("Undetermined", "Undetermined"), "failed"),
    (complaint(complaintFeedbackType="abuse"), "complained"),
    (complaint(), "complained"),
    (complaint(complaintFeedbackType="not-spam"), None),
    (complaint(complaintFeedbackType="auth-failure"), None),
    (complaint(complaintSubType="OnAccountSuppressionList"), "failed"),
    ({"eventType": "Send", "mail": MAIL, "send": {}}, "accepted"),
    ({"eventType": "DeliveryDelay", "mail": MAIL, "deliveryDelay": {"delayType": "MailboxFull"}}, "accepted"),
    ({"eventType": "Reject", "mail": MAIL, "reject": {"reason": "Bad content"}}, "failed"),
    ({"eventType": "Rendering Failure", "mail": MAIL, "failure": {}}, "failed"),
    ({"eventType": "Open", "mail": MAIL, "open": {}}, None),
    ({"eventType": "Click", "mail": MAIL, "click": {}}, None),
    ({"eventType": "Subscription", "mail": MAIL}, None),
    ({"eventType": "Delivery"}, None),
    ({"eventType": "Delivery", "mail": "x"}, None),
    ({"eventType": ["Delivery"], "mail": MAIL}, None),
    ({}, None),
    ([], None),
    ("Successfully validated SNS topic for Amazon SES event publishing.", None),
]


@pytest.mark.parametrize(("event", "status"), EVENTS)
def test_each_event_has_its_meaning(event: object, status: str | None) -> None:
    assert [each.status.value for each in read(posted(event))] == ([] if status is None else [status])


def test_the_same_event_twice_and_by_both_ways_has_one_key() -> None:
    published = {"eventType": "Delivery", "mail": MAIL, "delivery": {}}
    notified = {"notificationType": "Delivery", "mail": MAIL, "delivery": {}, "new": 1}

    keys = {read(posted(each, MessageId=name))[0].key for each in (published, notified) for name in "ab"}

    assert keys == {"0100017f-1111-2222:Delivery"}


def test_without_tags_the_reference_is_read_from_the_mails_own_header() -> None:
    mail = {"messageId": "m", "headers": [{"name": "x-tidings-reference", "value": "a.b"}]}

    (report,) = read(posted({"notificationType": "Delivery", "mail": mail, "delivery": {}}))

    assert report.reference == "a.b"


@pytest.mark.parametrize(
    "address",
    [
        CERTIFICATE.replace("https", "http"),
        CERTIFICATE.replace("us-east-1", "s3"),
        CERTIFICATE.replace("us-east-1", "s3-us-west-2"),
        CERTIFICATE.replace(".com/", ".com.evil.example/"),
        CERTIFICATE.replace(".com/", ".com:444/"),
        CERTIFICATE.replace(".com/", ".com@evil.example/"),
        CERTIFICATE.replace("https://sns", "https://evil.sns"),
        CERTIFICATE.replace("sns.us-east-1.amazonaws.com", "evil.example/sns.us-east-1.amazonaws.com"),
        CERTIFICATE + "?x=1",
        CERTIFICATE + "\n",
        "file:///etc/passwd",
        "",
    ],
)
def test_a_certificate_of_anybody_elses_is_never_fetched(address: str) -> None:
    amazon = Amazon(certificate())
    provider = opened("http://127.0.0.1:1", fetch=amazon)

    with pytest.raises(CallbackRefused, match="Amazon"):
        told(provider, posted(unsigned={"SigningCertURL": address}))
    assert amazon.asked == []


@pytest.mark.parametrize("region", ["cn-north-1", "ap-southeast-2", "us-gov-west-1"])
def test_amazons_other_regions_are_amazons_too(region: str) -> None:
    suffix = ".cn" if region.startswith("cn") else ""
    address = CERTIFICATE.replace("us-east-1.amazonaws.com", f"{region}.amazonaws.com{suffix}")

    assert read(posted(unsigned={"SigningCertURL": address})) == ()


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"not json",
        b"[]",
        b"[" * 100_000,
        b"{}",
        posted(Type="Other"),
        posted(TopicArn=TOPIC + "x"),
        posted(unsigned={"TopicArn": TOPIC + "x"}),
        posted(unsigned={"Message": "{}x"}),
        posted(unsigned={"Subject": "added"}),
        posted(unsigned={"MessageId": "other"}),
        posted(unsigned={"SignatureVersion": "1"}),
        posted(unsigned={"SignatureVersion": "3"}),
        posted(unsigned={"Signature": "AAAA"}),
        posted(unsigned={"Signature": "*"}),
        posted(unsigned={"Signature": ""}),
        posted(unsigned={"Message": "\ud800"}),
        posted(Timestamp="2026-11-05T06:29:00.000Z"),
        posted(Timestamp="2026-11-05T08:36:00.000Z"),
        posted(Timestamp="2026-11-05 08:30:00"),
        posted(unsigned={"Timestamp": "2026-11-05T08:30:01.000Z"}),
    ],
)
def test_what_is_not_truly_ours_is_refused(body: bytes) -> None:
    with pytest.raises(CallbackRefused):
        read(body)


def test_without_a_topic_of_ours_everything_is_refused() -> None:
    with pytest.raises(CallbackRefused, match="topic"):
        read(posted(), topics=[])


@pytest.mark.parametrize("page", [b"", b"<html>", certificate(until=NOW - timedelta(days=1))])
def test_a_certificate_that_is_none_or_over_verifies_nothing(page: bytes) -> None:
    provider = opened("http://127.0.0.1:1", fetch=Amazon(page))

    with pytest.raises(CallbackRefused, match="certificate"):
        told(provider, posted())


def test_where_amazon_cannot_be_asked_the_callback_is_not_verified_and_works_afterwards() -> None:
    amazon = Amazon(None)
    provider = opened("http://127.0.0.1:1", fetch=amazon)
    with pytest.raises(CallbackUnverified, match="cannot be verified now"):
        told(provider, posted())

    amazon.page = certificate()
    for _ in range(5):
        told(provider, posted())
    assert len(amazon.asked) == 2


def confirmation(**more: str) -> bytes:
    said = {"Type": "SubscriptionConfirmation", "Token": "tok123", "SubscribeURL": "https://evil.example/confirm"}
    return posted("You have chosen to subscribe.", **{**said, **more})


def test_a_subscription_is_confirmed_at_amazons_own_address_whatever_address_is_posted() -> None:
    amazon = Amazon(certificate())

    assert told(opened("http://127.0.0.1:1", fetch=amazon), confirmation()) == ()
    assert amazon.asked == [
        CERTIFICATE,
        "https://sns.us-east-1.amazonaws.com/?Action=ConfirmSubscription"
        "&TopicArn=arn%3Aaws%3Asns%3Aus-east-1%3A123456789012%3Ases-events&Token=tok123",
    ]


@pytest.mark.parametrize(
    "more",
    [
        {"Token": "a&Action=Publish"},
        {"Token": ""},
        {"TopicArn": TOPIC + "x"},
        {"Timestamp": "2026-11-05T01:00:00.000Z"},
    ],
)
def test_a_subscription_that_is_not_ours_is_not_confirmed(more: dict[str, str]) -> None:
    amazon = Amazon(certificate())

    with pytest.raises(CallbackRefused):
        told(opened("http://127.0.0.1:1", fetch=amazon), confirmation(**more))
    assert [each for each in amazon.asked if each != CERTIFICATE] == []


def test_the_end_of_a_subscription_is_heard_and_nothing_is_done() -> None:
    amazon = Amazon(certificate())

    assert told(opened("http://127.0.0.1:1", fetch=amazon), confirmation(Type="UnsubscribeConfirmation")) == ()
    assert amazon.asked == [CERTIFICATE]


def test_secrets_are_shown_nowhere() -> None:
    provider = opened("http://127.0.0.1:1")
    shown = f"{provider!r} {vars(provider)!r} {provider._settings!r}"
    provider.close()

    assert SECRET not in shown
    assert PROVIDERS["email.ses"].factory is Ses
