"""The cases every provider passes, whatever it carries."""

import socket
import time
from datetime import UTC, datetime

import pytest
from provider_accounts import ACCOUNTS, Account, Stage

from channels.errors import DeliveryError
from channels.message import Blame, Message, Outcome, OutcomeKind
from channels.registry import PROVIDERS
from channels.simulator.faults import Fault
from channels.simulator.record import RecordedMessage

UNTOLD = (Fault.ANSWER_LOST, Fault.HALF_BODY, Fault.GARBLED, Fault.BAD_GATEWAY)
TURNED_AWAY = (Fault.UNAVAILABLE, Fault.THROTTLED, Fault.REDIRECTED)


def closed_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        return int(listening.getsockname()[1])


def kinds(outcomes: list[Outcome]) -> list[OutcomeKind]:
    return [each.kind for each in outcomes]


def test_every_provider_of_the_registry_has_its_account_here() -> None:
    assert {each.name for each in ACCOUNTS} == set(PROVIDERS)


def test_the_class_and_the_registry_agree_on_name_and_channel(stage: Stage) -> None:
    assert stage.provider.name == stage.account.name
    assert stage.provider.channel.value == stage.account.name.partition(".")[0]


def test_a_message_taken_once_is_accepted_once(stage: Stage) -> None:
    outcomes = stage.deliver(stage.messages(3))

    assert kinds(outcomes) == [OutcomeKind.ACCEPTED] * 3, outcomes
    assert len(stage.taken()) == 3
    assert {each.provider_ref for each in outcomes} == {each.provider_ref for each in stage.taken()}


def test_nothing_to_carry_is_no_call_and_no_outcome(stage: Stage) -> None:
    assert stage.deliver([]) == []
    assert stage.recorded() == []


@pytest.mark.parametrize("fault", UNTOLD)
def test_an_answer_that_never_comes_whole_leaves_the_outcome_unknown_and_one_record(stage: Stage, fault: Fault) -> None:
    stage.order(fault)

    outcomes = stage.deliver(stage.messages(1))

    assert kinds(outcomes) == [OutcomeKind.UNKNOWN]
    assert [each.answered for each in stage.taken()] == [False]


def test_an_answer_that_does_not_come_in_time_leaves_the_outcome_unknown_and_one_record(stage: Stage) -> None:
    impatient = stage.open(patience=0.7)
    stage.order(Fault.HANG)

    outcomes = impatient.deliver(stage.messages(1), deadline=time.monotonic() + 20)
    impatient.close()

    assert kinds(outcomes) == [OutcomeKind.UNKNOWN]
    assert [each.answered for each in stage.taken()] == [False]


def test_a_connection_cut_after_the_request_leaves_the_outcome_unknown(stage: Stage) -> None:
    stage.order(Fault.DROPPED)

    assert kinds(stage.deliver(stage.messages(1))) == [OutcomeKind.UNKNOWN]
    assert stage.taken() == []


@pytest.mark.parametrize("fault", TURNED_AWAY)
def test_a_message_turned_away_for_now_is_not_sent_and_no_redirect_is_followed(stage: Stage, fault: Fault) -> None:
    stage.order(fault)

    assert kinds(stage.deliver(stage.messages(1))) == [OutcomeKind.NOT_SENT]
    assert stage.taken() == []


def test_a_refused_connection_is_not_sent(stage: Stage, account: Account) -> None:
    port = closed_port()
    provider = account.open(f"http://127.0.0.1:{port}", port, 2.0)

    outcomes = provider.deliver(stage.messages(2), deadline=time.monotonic() + 20)
    provider.close()

    assert kinds(outcomes) == [OutcomeKind.NOT_SENT] * 2


def test_after_the_deadline_nothing_is_begun(stage: Stage) -> None:
    outcomes = stage.deliver(stage.messages(5), seconds=0.0)

    assert kinds(outcomes) == [OutcomeKind.NOT_SENT] * 5
    assert stage.recorded() == []


def test_after_trouble_the_next_message_goes_its_way(stage: Stage) -> None:
    stage.deliver(stage.messages(1))
    stage.order(Fault.ANSWER_LOST)
    first, second = stage.messages(3)[1:]

    assert kinds(stage.deliver([first])) == [OutcomeKind.UNKNOWN]
    assert kinds(stage.deliver([second])) == [OutcomeKind.ACCEPTED]


@pytest.mark.parametrize("fault", [Fault.ADDRESS_REFUSED, Fault.CONTENT_REFUSED])
def test_a_refusal_names_whose_matter_it_is(stage: Stage, fault: Fault) -> None:
    stage.order(fault)

    (outcome,) = stage.deliver(stage.messages(1))

    assert outcome.kind is OutcomeKind.REJECTED
    assert outcome.blame is (Blame.ADDRESS if fault is Fault.ADDRESS_REFUSED else Blame.CONTENT)
    assert outcome.code


def test_outcomes_keep_the_order_of_their_messages_when_many_go_at_once(stage: Stage) -> None:
    stage.rule(address_refused=0.3)
    messages = stage.messages(150)

    outcomes = stage.deliver(messages)

    # A provider that names no message still gives our own reference back.
    by_reference = {each.provider_ref or each.reference: each.address for each in stage.taken()}
    refused = {each.address for each in stage.recorded() if not each.accepted}
    for message, outcome in zip(messages, outcomes, strict=True):
        if outcome.kind is OutcomeKind.ACCEPTED:
            assert message.address.endswith(by_reference[outcome.provider_ref or message.reference])
        else:
            assert outcome.kind is OutcomeKind.REJECTED
            assert any(message.address.endswith(address) for address in refused)
    assert 0 < len(refused) < len(messages)


def test_neither_secrets_nor_addresses_nor_words_are_told_to_anybody(stage: Stage, account: Account) -> None:
    port = closed_port()
    closed = account.open(f"http://127.0.0.1:{port}", port, 2.0)
    told = [repr(stage.provider), repr(vars(stage.provider)), repr(closed)]
    for fault in (*UNTOLD, *TURNED_AWAY, Fault.DROPPED, Fault.ADDRESS_REFUSED, Fault.NONE):
        stage.order(fault)
        (message,) = stage.messages(1)
        told += map(repr, stage.deliver([message]))
    told += map(repr, closed.deliver(stage.messages(1), deadline=time.monotonic() + 5))
    closed.close()

    for words in told:
        for secret in (account.secret, "access_token", "98_", message.address, message.address[3:], "王小明"):
            assert secret not in words


def test_a_look_up_finds_what_was_taken_untold_and_nothing_else(stage: Stage) -> None:
    if not stage.provider.can_look_up:
        pytest.skip("this provider cannot be asked")
    lost, dropped = stage.messages(2)
    stage.order(Fault.ANSWER_LOST, Fault.DROPPED)
    stage.deliver([lost])
    stage.deliver([dropped])

    found = stage.provider.look_up(lost, sent_at=datetime.now(UTC))

    assert found is not None
    assert (found.provider, found.reference) == (stage.account.name, lost.reference)
    if stage.provider.look_up_denies:
        assert stage.provider.look_up(dropped, sent_at=datetime.now(UTC)) is None
    else:
        with pytest.raises(DeliveryError):
            stage.provider.look_up(dropped, sent_at=datetime.now(UTC))


def test_among_many_faults_each_message_is_taken_once_and_every_outcome_agrees_with_the_record(stage: Stage) -> None:
    shares = dict.fromkeys(("answer_lost", "half_body", "garbled", "bad_gateway", "dropped"), 0.04)
    stage.rule(**shares, unavailable=0.04, throttled=0.04, address_refused=0.04)
    messages = stage.messages(300)

    settled: dict[str, Outcome] = {}
    for _ in range(100):
        waiting = [each for each in messages if each.reference not in settled]
        answers = zip(waiting, stage.deliver(waiting), strict=True)
        settled |= {each.reference: said for each, said in answers if said.kind is not OutcomeKind.NOT_SENT}

    stage.rule(**dict.fromkeys(shares, 0.0), unavailable=0.0, throttled=0.0)
    taken = {each.address: each for each in stage.taken()}
    assert len(taken) == len(stage.taken())
    assert len(settled) == len(messages)
    for message in messages:
        record = taken.get(message.address) or taken.get(message.address.removeprefix("+86"))
        assert_agreement(stage, message, settled[message.reference], record)


def is_found(stage: Stage, message: Message) -> bool:
    try:
        return stage.provider.look_up(message, sent_at=datetime.now(UTC)) is not None
    except DeliveryError:
        assert not stage.provider.look_up_denies
        return False


def assert_agreement(stage: Stage, message: Message, outcome: Outcome, record: RecordedMessage | None) -> None:
    if outcome.kind is OutcomeKind.ACCEPTED:
        assert record is not None
        assert (record.provider_ref, record.answered) == (outcome.provider_ref, True)
    elif outcome.kind is OutcomeKind.UNKNOWN:
        assert record is None or not record.answered, outcome
        if stage.provider.can_look_up:
            assert is_found(stage, message) is (record is not None)
    else:
        assert record is None
