"""Delivery reports: when a pretend provider tells what became of a message, and how untidily."""

import asyncio
import hashlib
import heapq
import random
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from urllib.parse import urlsplit

from channels.errors import DeliveryError
from channels.http import Http, TimeLimits
from channels.simulator.record import RecordedMessage
from channels.simulator.settings import ReceiptRules

POSTS_AT_ONCE = 4
ANSWERED_WITHIN = 5.0  #: seconds


@dataclass(frozen=True, kw_only=True, slots=True)
class Receipt:
    """What is to be told about one message."""

    provider: str
    address: str
    reference: str
    provider_ref: str
    template: str
    sent_at: datetime
    arrived: bool
    callback: str = ""  #: the address the sender named for it, where the protocol lets it
    event: str = ""  #: which of the provider's events tells it, where it has several
    members: int = 1  #: how many it is about


@dataclass(frozen=True, kw_only=True, slots=True)
class Push:
    """One request to the sender's callback address."""

    provider: str
    query: str
    content_type: str
    body: bytes
    receipts: tuple[Receipt, ...]
    method: str = "POST"
    headers: Mapping[str, str] = field(default_factory=dict)  #: beside Content-Type


#: How each provider words its reports; the number is how many one push may hold.
Wording = Callable[[Sequence[Receipt]], Push]


class Receipts:
    """Reports that are due, held or told.  Lives in one event loop."""

    def __init__(self, rules: ReceiptRules, *, seed: int) -> None:
        self.rules = rules
        self.counts: Counter[str] = Counter()  #: pushed, doubled, refused, given_up
        self._seed = seed
        self._die = random.Random(f"receipts {seed}")
        self._wordings: dict[str, tuple[Wording, int]] = {}
        self._untold: set[str] = set()
        self._held: list[Receipt] = []
        self._due: list[tuple[float, int, Receipt]] = []
        self._order = 0
        self._posts = asyncio.Semaphore(POSTS_AT_ONCE)
        self._running: set[asyncio.Task[None]] = set()
        self._addresses = {provider: _address(url) for provider, url in rules.callback_urls.items()}

    def word(self, provider: str, wording: Wording, *, batch: int) -> None:
        """Say how a provider's reports are written, and how many go into one push."""
        self._wordings[provider] = wording, batch

    def arrives(self, provider_ref: str) -> bool:
        """Say whether a message will reach its phone; the same however often it is asked."""
        digest = hashlib.sha256(f"{self._seed}:{provider_ref}".encode()).digest()
        return int.from_bytes(digest[:8], "big") / 2**64 >= self.rules.failed

    def told(self, provider_ref: str) -> bool:
        """Say whether what became of a message is known by now."""
        return provider_ref not in self._untold

    def expect(self, receipt: Receipt) -> None:
        """Take note of a message whose report is to be told later."""
        if self.rules.held:
            self._untold.add(receipt.provider_ref)
            self._held.append(receipt)
        elif receipt.provider in self._addresses:
            self._untold.add(receipt.provider_ref)
            self._schedule(receipt)
            if self._die.random() < self.rules.doubled:
                self.counts["doubled"] += 1
                self._schedule(receipt)

    def expect_of(
        self, entry: RecordedMessage, *, reference: str | None = None, template: str = "", callback: str = ""
    ) -> None:
        """Take note of a message that is on record; ``reference`` is what its report gives back, None: the record's."""
        provider_ref = entry.provider_ref or ""
        self.expect(
            Receipt(
                provider=entry.provider,
                address=entry.address,
                reference=entry.reference if reference is None else reference,
                provider_ref=provider_ref,
                template=template,
                sent_at=entry.at,
                arrived=self.arrives(provider_ref),
                callback=callback,
            )
        )

    def status(self) -> dict[str, int]:
        """Return how many reports are held and due, and what became of the others."""
        return {"held": len(self._held), "due": len(self._due), "under_way": len(self._running), **self.counts}

    async def run(self) -> None:
        """Tell reports as they fall due, until cancelled."""
        while True:
            self._start_due(time.monotonic())
            await asyncio.sleep(0.02)

    async def release(self) -> list[Push]:
        """Tell everything that is held, in no order, and return when it has been told.

        Pushes of providers without a callback address are returned instead of made.
        """
        released, self._held = self._held, []
        doubled = [each for each in released if self._die.random() < self.rules.doubled]
        self.counts["doubled"] += len(doubled)
        told = [*released, *doubled]
        if self.rules.shuffled:
            self._die.shuffle(told)
        pushes = self._pushes(told)
        self._untold.difference_update(each.provider_ref for each in told)
        await asyncio.gather(*(self._tell(push) for push in pushes if push.provider in self._addresses))
        return [push for push in pushes if push.provider not in self._addresses]

    async def tell_now(self, push: Push) -> bool:
        """Make one push at once; return whether it was answered with 200, which nobody does who has no address here."""
        return push.provider in self._addresses and await asyncio.to_thread(self._post, push)

    def close(self) -> None:
        """Give up what is under way."""
        for task in self._running:
            task.cancel()
        for http, _ in self._addresses.values():
            http.close()

    def _schedule(self, receipt: Receipt) -> None:
        wait = self.rules.delay * (self._die.uniform(0.5, 1.5) if self.rules.shuffled else 1.0)
        if self._die.random() < self.rules.late:
            wait += self.rules.late_by
        self._order += 1
        heapq.heappush(self._due, (time.monotonic() + wait, self._order, receipt))

    def _start_due(self, now: float) -> None:
        ready: list[Receipt] = []
        while self._due and self._due[0][0] <= now:
            ready.append(heapq.heappop(self._due)[2])
        for push in self._pushes(ready):
            task = asyncio.create_task(self._tell(push))
            self._running.add(task)
            task.add_done_callback(self._running.discard)

    def _pushes(self, receipts: Sequence[Receipt]) -> list[Push]:
        pushes = []
        for provider, (wording, batch) in self._wordings.items():
            mine = [each for each in receipts if each.provider == provider]
            pushes += [wording(mine[start : start + batch]) for start in range(0, len(mine), batch)]
        return pushes

    async def _tell(self, push: Push) -> None:
        # From the moment it is told for the first time, a look-up knows it too.
        self._untold.difference_update(each.provider_ref for each in push.receipts)
        for wait in (*self.rules.again_after, None):
            async with self._posts:
                if await asyncio.to_thread(self._post, push):
                    self.counts["pushed"] += len(push.receipts)
                    return
            self.counts["refused"] += 1
            if wait is not None:
                await asyncio.sleep(wait)
        self.counts["given_up"] += len(push.receipts)

    def _post(self, push: Push) -> bool:
        http, path = self._addresses[push.provider]
        headers = {"Content-Type": push.content_type, **push.headers} if push.method == "POST" else push.headers
        body = push.body if push.method == "POST" else None
        try:
            return _status_of(http, path, push.query, headers, body) == 200
        except DeliveryError:
            return False


async def post_form(url: str, form: bytes) -> int:
    """Post a form to an address and return the status it was answered with.

    Raises:
        DeliveryError: there was no answer.
    """
    http, path = _address(url)
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    try:
        return await asyncio.to_thread(_status_of, http, path, urlsplit(url).query, headers, form)
    finally:
        http.close()


def _status_of(http: Http, path: str, query: str, headers: Mapping[str, str], body: bytes | None) -> int:
    """Post to an address, by GET where there is no body, and return the status of the answer."""
    target, deadline = f"{path}?{query}" if query else path, time.monotonic() + ANSWERED_WITHIN
    return http.post(target, headers=headers, body=body, deadline=deadline).status


def _address(url: str) -> tuple[Http, str]:
    place = urlsplit(url)
    return Http(f"{place.scheme}://{place.netloc}", provider="simulator", limits=TimeLimits()), place.path or "/"
