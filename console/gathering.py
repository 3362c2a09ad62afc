"""Write together what many requests bring at once.

A request that is stored alone costs a transaction, and most of that is waiting for the
disk.  Here whoever comes while one batch is being written waits for the next, which
holds everybody who came meanwhile: a lone request waits for nobody, a thousand share a
handful of transactions, and none is answered before its own is committed.
"""

import asyncio
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

from starlette.concurrency import run_in_threadpool

Item = TypeVar("Item")


class Gathering(Generic[Item]):
    """Items on their way into the database, written by ``store`` in one transaction a batch."""

    def __init__(self, store: Callable[[Sequence[Item]], None], *, most: int = 500) -> None:
        self._store = store  #: called in a thread; either all of its items are kept or it raises
        self._most = most
        self._waiting: list[tuple[Item, asyncio.Future[None]]] = []
        self._writing: asyncio.Task[None] | None = None

    async def add(self, item: Item) -> None:
        """Return once the item is committed; whatever keeps it from that is raised."""
        committed = asyncio.get_running_loop().create_future()
        self._waiting.append((item, committed))
        if self._writing is None:
            self._writing = asyncio.create_task(self._write())
        await asyncio.shield(committed)

    async def _write(self) -> None:
        while self._waiting:
            batch, self._waiting = self._waiting[: self._most], self._waiting[self._most :]
            if not await self._written(batch) and len(batch) > 1:
                for each in batch:  # One of them may spoil it for the others.
                    await self._written([each])
        self._writing = None

    async def _written(self, batch: Sequence[tuple[Item, "asyncio.Future[None]"]]) -> bool:
        try:
            await run_in_threadpool(self._store, [item for item, _ in batch])
        except Exception as error:  # noqa: BLE001 - Whoever waits for the item is told.
            if len(batch) == 1 and not batch[0][1].done():
                batch[0][1].set_exception(error)
            return False
        for _, committed in batch:
            if not committed.done():
                committed.set_result(None)
        return True
