"""Requests that come at once share a transaction, and each hears of its own item's fate."""

import asyncio
import threading
import time
from collections.abc import Sequence

import pytest

from console.gathering import Gathering


def test_whoever_comes_while_one_batch_is_written_waits_for_the_next() -> None:
    batches: list[list[int]] = []

    def store(items: Sequence[int]) -> None:
        time.sleep(0.05)
        batches.append(list(items))

    async def many() -> None:
        gathering = Gathering(store)
        first = asyncio.create_task(gathering.add(0))
        await asyncio.sleep(0.02)
        await asyncio.gather(*(gathering.add(number) for number in range(1, 50)))
        await first

    asyncio.run(many())

    assert batches == [[0], list(range(1, 50))]


def test_nobody_is_answered_before_the_commit() -> None:
    committed = threading.Event()

    def store(items: Sequence[str]) -> None:
        time.sleep(0.1)
        committed.set()

    async def one() -> bool:
        await Gathering(store).add("told")
        return committed.is_set()

    assert asyncio.run(one())


def test_one_that_cannot_be_kept_spoils_it_for_nobody_else() -> None:
    kept: list[int] = []

    def store(items: Sequence[int]) -> None:
        if 7 in items:
            raise ValueError("seven")
        kept.extend(items)

    async def many() -> list[object]:
        gathering = Gathering(store)
        return await asyncio.gather(*(gathering.add(number) for number in range(10)), return_exceptions=True)

    answers = asyncio.run(many())

    assert sorted(kept) == [0, 1, 2, 3, 4, 5, 6, 8, 9]
    assert [number for number, answer in enumerate(answers) if isinstance(answer, ValueError)] == [7]


def test_a_batch_holds_so_many_at_most() -> None:
    sizes: list[int] = []

    async def many() -> None:
        gathering: Gathering[int] = Gathering(lambda items: sizes.append(len(items)), most=4)
        await asyncio.gather(*(gathering.add(number) for number in range(10)))

    asyncio.run(many())

    assert sizes == [4, 4, 2]


def test_a_request_that_was_given_up_harms_no_other() -> None:
    kept: list[int] = []

    def store(items: Sequence[int]) -> None:
        time.sleep(0.05)
        kept.extend(items)

    async def many() -> None:
        gathering = Gathering(store)
        first = asyncio.create_task(gathering.add(1))
        await asyncio.sleep(0.01)
        second = asyncio.create_task(gathering.add(2))
        await asyncio.sleep(0)
        first.cancel()
        with pytest.raises(asyncio.CancelledError):
            await first
        await second

    asyncio.run(many())

    assert kept == [1, 2]
