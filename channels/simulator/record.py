"""The simulator's own memory of what it took: an append-only file that nothing else writes.

It is the witness in every test of "exactly once", so it knows nothing of the product's tables.
"""

import hashlib
import os
import threading
import time
from collections import Counter, defaultdict, deque
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import msgspec

SYNC_EVERY = 0.05  #: seconds between two fsyncs, at most; a killed simulator loses nothing, a lost machine this much
SHOWN = 300  #: how many messages the page of recent messages holds
LARGEST_SHOWN = 1_500_000  #: bytes; of what is longer the page has the words alone
LARGEST_TOGETHER = 48_000_000  #: bytes of all that the page holds; of the oldest it then has the words alone


@dataclass(frozen=True, kw_only=True, slots=True)
class RecordedMessage:
    """One message a pretend provider was handed, one line of the record."""

    seq: int  #: counted from 1, in the order of the file
    at: datetime
    provider: str
    reference: str  #: the sender's own reference
    address: str
    accepted: bool  #: False: turned down, with ``code``; it will never be delivered
    answered: bool  #: False: the answer was withheld on purpose, so the sender cannot know
    provider_ref: str | None = None
    code: str | None = None
    label: str = ""  #: what came instead of the reference, where one label stands for several messages
    digest: str = ""  #: the first 16 hexadecimal digits of the SHA-256 of the words


@dataclass(frozen=True, kw_only=True, slots=True)
class ShownMessage:
    """A recent message, or what a member did; held in memory only."""

    number: int  #: counted from 1
    provider: str
    address: str
    at: datetime
    text: str
    source: bytes = b""  #: the whole mail, or the JSON that was posted; empty: the text is all there is
    act: str = ""  #: what the member did, in the words of ``members_acts``; empty: it is a message to them


class Record:
    """The open record.  Safe to use from several threads; one process at a time."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self.path = path
        self.recent: deque[ShownMessage] = deque(maxlen=SHOWN)
        self._held = 0  #: bytes of all their sources
        self.seen = 0  #: how many were ever shown
        self.counts: Counter[str] = (
            Counter()
        )  #: by "<provider> accepted", "<provider> refused", "<provider> unanswered"
        self._places: defaultdict[tuple[str, str], list[tuple[int, int]]] = defaultdict(list)
        self._lock = threading.Lock()
        self._closed = threading.Event()
        self._written = False
        self._seq, self._end = 0, 0
        self._file = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o600)
        self._recall()
        self._syncing = threading.Thread(target=self._sync, name="record-sync", daemon=True)
        self._syncing.start()

    def append(
        self,
        *,
        provider: str,
        reference: str,
        address: str,
        text: str,
        accepted: bool = True,
        answered: bool = True,
        provider_ref: str | None = None,
        code: str | None = None,
        label: str = "",
        source: bytes = b"",
    ) -> RecordedMessage:
        """Write one line; it is in the file when this returns, so answer the sender only afterwards.

        ``source`` is what the provider was handed, for the page to show it whole.
        """
        with self._lock:
            entry = RecordedMessage(
                seq=self._seq + 1,
                at=datetime.fromtimestamp(time.time(), UTC),
                provider=provider,
                reference=reference,
                address=address,
                accepted=accepted,
                answered=answered,
                provider_ref=provider_ref,
                code=code,
                label=label,
                digest=hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:16],
            )
            line = msgspec.json.encode(entry) + b"\n"
            os.write(self._file, line)
            self._written = True
            self._note(entry, len(line))
            if accepted:
                self._show(provider, address, entry.at, text, source=source if len(source) <= LARGEST_SHOWN else b"")
        return entry

    def overhear(self, provider: str, address: str, text: str, act: str) -> None:
        """Let the page show what a member did; it is no part of the record."""
        with self._lock:
            self._show(provider, address, datetime.fromtimestamp(time.time(), UTC), text, act=act)

    def shown(self) -> list[ShownMessage]:
        """Return what the page shows, oldest first."""
        with self._lock:
            return list(self.recent)

    @property
    def next_seq(self) -> int:
        """The number the next line will have."""
        return self._seq + 1

    def find(self, provider: str, address: str) -> list[RecordedMessage]:
        """Return what this provider took for an address, oldest first."""
        with self._lock:
            places = list(self._places.get((provider, address), ()))
        return [_decoder.decode(os.pread(self._file, length, start)) for start, length in places]

    def close(self) -> None:
        """Make everything durable and close the file."""
        self._closed.set()
        self._syncing.join()
        os.fsync(self._file)
        os.close(self._file)

    def _show(
        self, provider: str, address: str, at: datetime, text: str, *, source: bytes = b"", act: str = ""
    ) -> None:
        self.seen += 1
        if len(self.recent) == SHOWN:
            self._held -= len(self.recent[0].source)
        self.recent.append(
            ShownMessage(number=self.seen, provider=provider, address=address, at=at, text=text, source=source, act=act)
        )
        self._held += len(source)
        while self._held > LARGEST_TOGETHER:
            oldest = next(place for place, each in enumerate(self.recent) if each.source)
            self._held -= len(self.recent[oldest].source)
            self.recent[oldest] = replace(self.recent[oldest], source=b"")

    def _recall(self) -> None:
        with self.path.open("rb") as lines:
            for line in lines:
                if not line.endswith(b"\n"):  # A line cut short by a crash was never answered; it is closed here.
                    os.ftruncate(self._file, self._end)
                    break
                self._note(_decoder.decode(line), len(line))

    def _note(self, entry: RecordedMessage, length: int) -> None:
        self._seq = entry.seq
        if entry.accepted:
            self._places[(entry.provider, entry.address)].append((self._end, length))
        self._end += length
        self.counts[f"{entry.provider} {'accepted' if entry.accepted else 'refused'}"] += 1
        if not entry.answered:
            self.counts[f"{entry.provider} unanswered"] += 1

    def _sync(self) -> None:
        while not self._closed.wait(SYNC_EVERY):
            if self._written:
                self._written = False
                os.fsync(self._file)


_decoder = msgspec.json.Decoder(RecordedMessage)


def read_record(path: Path) -> list[RecordedMessage]:
    """Return every whole line of a record, also while the simulator still writes it."""
    return list(_entries(path))


def _entries(path: Path) -> Iterator[RecordedMessage]:
    with path.open("rb") as lines:
        for line in lines:
            if line.endswith(b"\n"):
                yield _decoder.decode(line)
