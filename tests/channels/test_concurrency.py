"""A crew carries many messages at once and mixes nothing up."""

import threading
import time
from collections.abc import Sequence

from channels.concurrency import Crew
from channels.errors import AddressRefused
from channels.message import Channel, Message, Outcome, OutcomeKind


def messages(count: int) -> list[Message]:
    return [Message(reference=str(number), channel=Channel.SMS, address="x", parts={}) for number in range(count)]


def accepted(message: Message, deadline: float) -> Outcome:
    return Outcome(kind=OutcomeKind.ACCEPTED, provider_ref=message.reference)


def test_as_many_messages_are_under_way_as_there_are_threads() -> None:
    crew = Crew(8, name="test")
    together = threading.Barrier(8, timeout=5)

    def meet(message: Message, deadline: float) -> Outcome:
        together.wait()
        return accepted(message, deadline)

    found = crew.carry(messages(16), meet, deadline=time.monotonic() + 10)
    crew.close()

    assert [each.provider_ref for each in found] == [str(number) for number in range(16)]


def test_what_is_not_begun_by_the_deadline_is_not_sent() -> None:
    crew = Crew(2, name="test")

    def slow(message: Message, deadline: float) -> Outcome:
        time.sleep(0.1)
        return accepted(message, deadline)

    found = crew.carry(messages(20), slow, deadline=time.monotonic() + 0.25)
    crew.close()

    kinds = [each.kind for each in found]
    assert kinds[:2] == [OutcomeKind.ACCEPTED] * 2
    assert kinds[-10:] == [OutcomeKind.NOT_SENT] * 10
    assert 2 <= kinds.count(OutcomeKind.ACCEPTED) <= 6


def test_one_messages_trouble_is_its_own() -> None:
    crew = Crew(3, name="test")

    def troubled(message: Message, deadline: float) -> Outcome:
        if message.reference == "1":
            raise AddressRefused("no such address", provider="test", code="7")
        if message.reference == "2":
            raise KeyError("王小明")
        return accepted(message, deadline)

    found = crew.carry(messages(4), troubled, deadline=time.monotonic() + 5)
    crew.close()

    assert [each.kind.value for each in found] == ["accepted", "rejected", "unknown", "accepted"]
    assert "王小明" not in repr(found)


def test_two_hand_overs_at_once_share_the_threads() -> None:
    crew = Crew(4, name="test")
    found: list[list[Outcome]] = []
    callers = [
        threading.Thread(target=lambda: found.append(crew.carry(messages(50), accepted, deadline=time.monotonic() + 5)))
        for _ in range(3)
    ]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join()
    crew.close()

    assert [[each.provider_ref for each in one] for one in found] == [[str(number) for number in range(50)]] * 3


def test_a_group_fares_alike_when_its_call_fails_and_keeps_its_own_order_when_it_does_not() -> None:
    crew = Crew(2, name="test")
    given = messages(12)
    groups = [[2, 0, 9], [1, 3], [4, 5, 6, 7], [8, 10]]
    left_out = Outcome(kind=OutcomeKind.NOT_SENT, detail="in no group")

    def call(turn: int, group: Sequence[Message], deadline: float) -> list[Outcome]:
        assert group == [given[place] for place in groups[turn]]
        if turn == 1:
            raise AddressRefused("no", provider="test")
        if turn == 2:
            raise ZeroDivisionError
        found = [accepted(each, deadline) for each in group]
        return found[:1] if turn == 3 else found

    outcomes = crew.carry_groups(given, groups, call, deadline=time.monotonic() + 10, ungrouped=left_out)
    none_begun = crew.carry_groups(given, groups, call, deadline=time.monotonic(), ungrouped=left_out)
    crew.close()

    first, refused, broken, short = ([outcomes[place] for place in group] for group in groups)
    late = [[none_begun[place] for place in group] for group in groups]
    assert outcomes[11] is none_begun[11] is left_out
    assert all(each is not left_out for group in late for each in group)
    assert [each.provider_ref for each in first] == ["2", "0", "9"]
    assert [each.kind for each in refused] == [OutcomeKind.REJECTED] * 2
    assert [each.kind for each in broken] == [OutcomeKind.UNKNOWN] * 4
    assert [each.kind for each in short] == [OutcomeKind.UNKNOWN] * 2
    assert {each.kind for group in late for each in group} == {OutcomeKind.NOT_SENT}
