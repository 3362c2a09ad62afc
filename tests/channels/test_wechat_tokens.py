"""One access token for many senders: fetched once per expiry, in one process and in several."""

import json
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest
from file_tokens import FileTokens

from channels.errors import DeliveryError, ProviderMisconfigured, ProviderUnavailable
from channels.message import Channel, Message, OutcomeKind
from channels.registry import open_provider
from channels.simulator.running import SimulatorProcess
from channels.simulator.settings import SimulatorSettings
from channels.wechat.tokens import FORCED_A_DAY, AccessToken, KeptToken, OwnTokens, TokenStore

SENDER = Path(__file__).parent / "token_sender.py"
SLOW = 2.0  #: seconds the token endpoint takes


def soon(seconds: float = 10.0) -> float:
    return time.monotonic() + seconds


class Provider:
    """Hands out what it is told to, slowly if told to, and counts."""

    def __init__(self, *words: str, delay: float = 0.0, lasts: float = 7200.0) -> None:
        self.words = list(words)
        self.asked: list[bool] = []
        self._delay, self._lasts = delay, lasts

    def __call__(self, deadline: float, force: bool) -> tuple[str, float]:
        self.asked.append(force)
        word = self.words[min(len(self.asked), len(self.words)) - 1]
        time.sleep(self._delay)
        if word == "busy":
            raise ProviderUnavailable("busy", provider="test")
        return word, self._lasts


def token(
    ask: Callable[[float, bool], tuple[str, float]], store: TokenStore | None = None, **more: bool
) -> AccessToken:
    return AccessToken(ask, provider="test", account="wx1", store=OwnTokens() if store is None else store, **more)


def test_64_senders_whose_token_dies_fetch_one_however_late_their_refusals_come() -> None:
    provider = Provider("first", "second", "third", delay=0.3)
    kept = token(provider)
    failed = kept.current(soon())

    def refused(place: int) -> str:
        time.sleep(place % 8 * 0.1)  # Some hear of the end long after the others have a new token.
        return kept.renew(failed, soon())

    with ThreadPoolExecutor(64) as threads:
        assert {*threads.map(refused, range(64))} == {"second"}
    assert provider.asked == [False, False]


@pytest.mark.parametrize("shared", [False, True])
def test_accesses_that_share_a_store_fetch_one_token(tmp_path: Path, shared: bool) -> None:
    store: TokenStore = FileTokens(tmp_path) if shared else OwnTokens()
    provider = Provider("first", "second", delay=0.1)
    several = [token(provider, store) for _ in range(8)]
    with ThreadPoolExecutor(64) as threads:
        assert {*threads.map(lambda place: several[place % 8].current(soon()), range(64))} == {"first"}
        assert {*threads.map(lambda place: several[place % 8].renew("first", soon()), range(64))} == {"second"}
    assert len(provider.asked) == 2


def test_a_late_refusal_of_an_old_token_does_not_bring_it_back() -> None:
    provider = Provider("first", "second", "third")
    kept = token(provider)
    assert [kept.current(soon()), kept.renew("first", soon()), kept.renew("first", soon())] == [
        "first",
        "second",
        "second",
    ]
    assert kept.current(soon()) == "second"


def test_a_token_that_another_process_fetched_is_taken_from_the_store_unasked() -> None:
    store, provider = OwnTokens(), Provider("never")
    store.put("wx1", KeptToken(token="theirs", good_until=time.time() + 60))
    assert token(provider, store).current(soon()) == "theirs"
    assert provider.asked == []


def test_a_token_in_the_store_that_has_ended_is_not_used() -> None:
    store, provider = OwnTokens(), Provider("new")
    store.put("wx1", KeptToken(token="old", good_until=time.time() - 1))
    assert token(provider, store).current(soon()) == "new"
    assert store.get("wx1").token == "new"


def test_forced_replacements_are_counted_for_all_who_share_a_store_and_have_an_end() -> None:
    store = OwnTokens()
    first, second = Provider("same", "same", "new"), Provider("new", "newer")
    access = token(first, store)
    assert access.renew(access.current(soon()), soon()) == "new"
    assert first.asked == [False, False, True]
    with pytest.raises(ProviderMisconfigured):
        token(second, store).renew("new", soon())  # Hardly a second after the first was forced.
    assert second.asked == [False]
    hours_ago = tuple(time.time() - 3600 - each for each in range(FORCED_A_DAY))
    store.put("wx1", KeptToken(token="new", good_until=time.time() + 60, forced_at=hours_ago))
    with pytest.raises(ProviderMisconfigured):
        token(Provider("new"), store).renew("new", soon())


def test_where_nothing_can_be_forced_the_same_token_again_stops_the_account() -> None:
    provider = Provider("same")
    access = token(provider, can_force=False)
    with pytest.raises(ProviderMisconfigured):
        access.renew(access.current(soon()), soon())
    assert provider.asked == [False, False]


def test_who_waits_for_a_fetch_no_longer_than_the_deadline_has_sent_nothing() -> None:
    store = OwnTokens()
    access = token(Provider("first"), store)
    with store.lock("wx1", patience=1.0) as held:
        assert held
        begun = time.monotonic()
        with pytest.raises(ProviderUnavailable):
            access.current(soon(0.2))
        assert time.monotonic() - begun < 2.0
    assert access.current(soon()) == "first"


def test_a_failure_is_told_to_all_who_wait_and_asked_about_again_later() -> None:
    provider = Provider("busy", "busy", "busy", "first")
    access = token(provider)

    def ask(_: int) -> str:
        try:
            return access.current(soon())
        except DeliveryError as error:
            return error.kind.value

    with ThreadPoolExecutor(16) as threads:
        assert {*threads.map(ask, range(16))} == {"not_sent"}
    assert len(provider.asked) == 3
    time.sleep(1.1)
    assert access.current(soon()) == "first"


def test_a_refused_token_is_not_used_again_although_no_other_can_be_had() -> None:
    store, provider = OwnTokens(), Provider("first", "first", "busy")
    access = token(provider, store)
    with pytest.raises(ProviderUnavailable):
        access.renew(access.current(soon()), soon())
    assert store.get("wx1").token == ""
    with pytest.raises(ProviderUnavailable):
        access.current(soon())


def test_a_kept_token_is_not_shown() -> None:
    assert "first" not in repr(KeptToken(token="first"))


@contextmanager
def slow_simulator(folder: Path) -> Iterator[SimulatorProcess]:
    settings = SimulatorSettings(record=folder / "record.jsonl", http_port=0, smtp_port=0, token_delay=SLOW)
    with SimulatorProcess(settings) as running:
        yield running


def steer(simulator: SimulatorProcess, path: str, body: bytes | None = None) -> dict[str, object]:
    with urllib.request.urlopen(f"{simulator.http_url}/_simulator/{path}", body, timeout=10) as told:
        return dict(json.load(told))


def test_64_senders_in_one_process_lose_nothing_when_the_token_dies(tmp_path: Path) -> None:
    with slow_simulator(tmp_path) as simulator:
        settings = {"app_id": "wx5151515151515151", "app_secret": "simulated-app-secret", "template_ids": {"*": "T"}}
        provider = open_provider("wechat.official_account", {**settings, "endpoint": simulator.http_url})
        messages = [
            Message(
                reference=f"r{number}", channel=Channel.WECHAT, address=f"oMember{number:021d}", parts={"thing1": "好"}
            )
            for number in range(64)
        ]
        for expiry in range(2):
            outcomes = provider.deliver(messages, deadline=soon(30))
            assert {each.kind for each in outcomes} == {OutcomeKind.ACCEPTED}
            assert steer(simulator, "status")["tokens_made"] == expiry + 1
            steer(simulator, "expire-token", b"{}")
        provider.close()


def test_64_senders_in_four_processes_fetch_one_token_per_expiry_and_lose_nothing(tmp_path: Path) -> None:
    with slow_simulator(tmp_path) as simulator:
        command = [sys.executable, str(SENDER), simulator.http_url, str(tmp_path)]
        senders = [
            subprocess.Popen([*command, f"p{number}"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
            for number in range(4)
        ]
        try:
            for turn in range(3):
                for sender in senders:
                    print(turn, file=sender.stdin, flush=True)
                told = [json.loads(sender.stdout.readline()) for sender in senders]  # type: ignore[union-attr]
                assert told == [{"accepted": 16 * (turn + 1)}] * 4
                assert steer(simulator, "status")["tokens_made"] == turn + 1
                steer(simulator, "expire-token", b"{}")
        finally:
            for sender in senders:
                sender.communicate(timeout=20)
