"""The Kannel adapter against a real Kannel; the whole size is ``make kannel``."""

import time
from collections import Counter
from collections.abc import Iterator

import kannel_bearerbox
import pytest
from kannel_bearerbox import OUR_NUMBER, Gateway, messages, run, running

from channels.message import Channel, Message, Outcome

pytestmark = pytest.mark.skipif(bool(kannel_bearerbox.missing()), reason=kannel_bearerbox.missing() or "-")


@pytest.fixture(scope="module")
def gateway() -> Iterator[Gateway]:
    with running(refusing=2) as started:
        yield started


def send(gateway: Gateway, *texts: str, address: str = "+8613900000000", **more: object) -> list[Outcome]:
    provider = gateway.account(**more)
    try:
        given = [
            Message(reference=f"real-{number}", channel=Channel.SMS, address=address, parts={"text": text})
            for number, text in enumerate(texts)
        ]
        return provider.deliver(given, deadline=time.monotonic() + 20)
    finally:
        provider.close()


def test_every_message_arrives_with_its_words_and_every_report_and_reply_comes_back(gateway: Gateway) -> None:
    figures = run(gateway, 40)

    assert figures.complete, figures
    assert (figures.reports, figures.replies) == (80, 40)
    assert gateway.listener.refused == 2, "and what was turned away came again"


def test_a_long_text_arrives_in_as_many_parts_as_were_counted(gateway: Gateway) -> None:
    long = ("x" * 400, "好" * 200, "[" * 170)
    outcomes = [send(gateway, text, address=f"+861391111111{place}")[0] for place, text in enumerate(long)]
    gateway.wait(lambda: sum(gateway.centre.pieces.values()), 9)

    assert [each.parts for each in outcomes] == [3, 3, 3]
    assert gateway.centre.pieces == Counter({f"+861391111111{place}": 3 for place in range(3)})


def test_both_forms_of_asking_say_the_same(gateway: Gateway) -> None:
    words = "【示例商城】100% & +1 = ?"
    (outcome,) = send(gateway, words, address="+8613922222222", method="get")
    gateway.wait(lambda: sum(words in each for each in gateway.centre.got), 1)

    assert outcome.kind.value == "accepted"
    assert ("+8613922222222", words) in gateway.centre.got


def test_a_wrong_password_is_our_settings_matter(gateway: Gateway) -> None:
    (outcome,) = send(gateway, "x", password="wrong-word")

    assert (outcome.kind.value, outcome.blame.value) == ("not_sent", "account")
    assert outcome.code == "Authorization failed for sendsms"


def test_a_reference_with_signs_of_its_own_comes_back_as_it_was(gateway: Gateway) -> None:
    odd = Message(reference="a/b %d&c=%2F", channel=Channel.SMS, address="+8613933333333", parts={"text": "x"})
    gateway.provider.deliver([odd], deadline=time.monotonic() + 20)
    gateway.wait(lambda: sum("13933333333" in number for number, _ in gateway.centre.got), 1)
    gateway.wait(lambda: sum(each.reference == odd.reference for each in gateway.told()[0]), 2)

    assert sum(each.reference == odd.reference for each in gateway.told()[0]) == 2


def test_what_a_short_message_centre_refuses_or_cannot_deliver_is_told_so(gateway: Gateway) -> None:
    provider = gateway.account(smsc="STERN")
    given = [
        Message(reference=reference, channel=Channel.SMS, address=address, parts={"text": "x"})
        for reference, address in (("refused", "+8613955555559"), ("failed", "+8613955555552"))
    ]
    provider.deliver(given, deadline=time.monotonic() + 20)
    provider.close()
    wanted = {("refused", "16"), ("failed", "8"), ("failed", "4"), ("failed", "2")}

    def told() -> set[tuple[str | None, str | None]]:
        return {(each.reference, each.code) for each in gateway.told()[0]} & wanted

    gateway.wait(lambda: len(told()), len(wanted))
    final = {each.reference: each.status.value for each in gateway.told()[0] if each.code in {"2", "16"}}
    assert told() == wanted
    assert final == {"refused": "failed", "failed": "failed"}


def test_without_a_phone_network_a_message_waits_and_is_accepted_all_the_same() -> None:
    with running() as gateway:
        gateway.centre.close()
        time.sleep(0.5)

        outcomes = gateway.provider.deliver(messages(2), deadline=time.monotonic() + 20)

    assert [(each.kind.value, each.code) for each in outcomes] == [("accepted", "3")] * 2


def test_a_reply_in_two_bytes_a_character_is_read_without_the_gateways_help() -> None:
    with running(recode=False) as gateway:
        gateway.centre.write(f"13944444444 {OUR_NUMBER} ucs2 %90%00%8B%A2")
        gateway.wait(lambda: len(gateway.listener.asked), 1)
        (reply,) = gateway.told()[1]

    assert (reply.address, reply.text) == ("+8613944444444", "退订")
    assert "UTF-16BE" in gateway.listener.asked[0]
