"""A callback nobody can verify just now is asked for again, over real HTTP; one that is false is not."""

from collections.abc import Iterator

import pytest
import requests
from sqlalchemy import text

from channels.email.ses import Ses, SesSettings
from config.callback_addresses import callback_token
from tests.channels.sns_topic import NOW, TOPIC, Amazon, certificate, posted
from tests.listening import ListeningSide, told_by
from tests.makers import SECRET

DELIVERED = {
    "eventType": "Delivery",
    "mail": {"messageId": "m-1", "timestamp": "2026-11-05T08:29:00.000Z", "destination": ["m1@example.com"]},
    "delivery": {"timestamp": "2026-11-05T08:29:30.000Z", "recipients": ["m1@example.com"]},
}


@pytest.fixture
def amazon() -> Amazon:
    """Amazon as one who cannot be asked."""
    return Amazon(None)


@pytest.fixture
def hearing(side: ListeningSide, amazon: Amazon) -> Iterator[ListeningSide]:
    """The public side with an account of Amazon's."""
    settings = SesSettings.model_validate(
        {"access_key_id": "AKID", "secret_access_key": "its-secret", "region": "us-east-1", "topics": [TOPIC],
         "sender_address": "news@example.org"}
    )  # fmt: skip
    with told_by(side, Ses(settings, fetch=amazon, clock=lambda: NOW)) as told:
        yield told


def tell(side: ListeningSide, body: bytes) -> requests.Response:
    link = f"{side.url}/callbacks/email.ses/{callback_token(SECRET, 'email.ses')}"
    return requests.post(link, data=body, timeout=10)


def receipts(side: ListeningSide) -> int:
    with side.application.database.transaction() as connection:
        return int(connection.execute(text("SELECT count(*) FROM receipts")).scalar_one())


def test_what_cannot_be_verified_now_is_asked_for_again_and_taken_then(hearing: ListeningSide, amazon: Amazon) -> None:
    answer = tell(hearing, posted(DELIVERED))
    assert (answer.status_code, answer.headers["Retry-After"], receipts(hearing)) == (503, "20", 0)

    amazon.page = certificate()

    assert tell(hearing, posted(DELIVERED)).status_code == 200
    assert receipts(hearing) == 1


def test_a_subscription_that_could_not_be_confirmed_is_asked_for_again(hearing: ListeningSide, amazon: Amazon) -> None:
    amazon.page = certificate()
    tell(hearing, posted(DELIVERED))  # From here on the certificate is known.
    amazon.page = None
    told = posted("", Type="SubscriptionConfirmation", Token="tok123", SubscribeURL="https://example.com/")

    assert tell(hearing, told).status_code == 503
    assert "ConfirmSubscription" in amazon.asked[-1]


@pytest.mark.parametrize("false", [{"Signature": "AAAA"}, {"Message": "other"}, {"TopicArn": f"{TOPIC}-2"}])
def test_what_is_false_is_refused_for_good(hearing: ListeningSide, amazon: Amazon, false: dict[str, str]) -> None:
    amazon.page = certificate()

    answer = tell(hearing, posted(DELIVERED, unsigned=false))

    assert (answer.status_code, "Retry-After" in answer.headers, receipts(hearing)) == (403, False, 0)
