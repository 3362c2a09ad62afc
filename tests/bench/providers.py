"""Every provider by itself: beside a raw client that makes the very same calls, and where it takes 50 ms to answer."""

import itertools
import smtplib
import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import parse_qsl, urlencode, urlsplit

import requests

from channels.message import Message, OutcomeKind
from channels.provider import Provider
from channels.simulator.faults import FaultRules
from channels.simulator.running import SimulatorProcess
from channels.simulator.settings import SimulatorSettings
from tests.bench.figures import Figure, Target, scaled
from tests.chaos.tapped import tapped
from tests.chaos.wire import Envelope, Request, envelopes_in, parcels_in, requests_in
from tests.contracts.provider_accounts import ACCOUNTS, Account

MESSAGES = 3_000
LATENCY = 0.05
LANES = 2  #: threads that hand windows to the provider, as a worker's do
MAIL_CONNECTIONS = 4
PATIENCE = 30.0
TOKENS = {  #: WeChat's: where a raw client gets its token, and with which secret
    "wechat.official_account": ("wx5151515151515151", "simulated-app-secret"),
    "wechat.mini_program": ("wx6262626262626262", "simulated-mini-secret"),
}


def measure(folder: Path, scale: float) -> list[Figure]:
    """Measure each provider against the simulator, by itself and raw, then against a slow one."""
    return [figure for account in ACCOUNTS for figure in _both(account, folder, scaled(MESSAGES, scale))]


def _both(account: Account, folder: Path, count: int) -> list[Figure]:
    own = _carry(account, folder, count)
    raw, at_once, calls = _carry_raw(account, folder, count)
    slow = _carry(account, folder, count, latency=LATENCY)
    texts = account.name.startswith(("sms", "wechat"))
    return [
        Figure(
            name=account.name,
            what="messages handed over, the sink answering at once",
            value=own.rate,
            unit="messages/s",
            first=Target(),
            reference=raw,
            reference_is=f"the very same calls made raw, {at_once} at once, by requests or smtplib",
            sizes={"messages": count, "calls": calls, "not accepted": own.not_accepted, "MB more": own.megabytes},
            seconds=own.seconds,
        ),
        Figure(
            name=f"{account.name}, 50 ms",
            what="messages handed over, the sink answering after 50 ms, one process",
            value=slow.rate,
            unit="messages/s",
            first=Target(at_least=500) if texts else Target(),
            sizes={"messages": count, "not accepted": slow.not_accepted, "MB more": slow.megabytes},
            seconds=slow.seconds,
        ),
    ]


class _Carried:
    def __init__(self, count: int, seconds: float, not_accepted: int, megabytes: float) -> None:
        self.rate, self.seconds = count / seconds, seconds
        self.not_accepted, self.megabytes = not_accepted, round(megabytes, 1)


def _simulator(folder: Path, latency: float = 0.0) -> SimulatorProcess:
    (folder / "record.jsonl").unlink(missing_ok=True)
    faults = FaultRules(latency=latency)
    return SimulatorProcess(SimulatorSettings(record=folder / "record.jsonl", http_port=0, smtp_port=0, faults=faults))


def _messages(account: Account, count: int) -> list[Message]:
    return [account.message(number) for number in range(count)]


def _carry(account: Account, folder: Path, count: int, *, latency: float = 0.0) -> _Carried:
    with _simulator(folder, latency) as simulator:
        provider = account.open(simulator.http_url, simulator.smtp_port, PATIENCE)
        _hand_over(
            provider, [account.message(10_000_000 + number) for number in range(64)]
        )  # Connections are made, a token is fetched.
        messages, before, began = _messages(account, count), _megabytes(), time.monotonic()
        accepted = _hand_over(provider, messages)
        seconds = time.monotonic() - began
        megabytes = _megabytes() - before
        provider.close()
    return _Carried(count, seconds, count - accepted, megabytes)


def _hand_over(provider: Provider, messages: Sequence[Message]) -> int:
    windows = iter([messages[start : start + provider.window] for start in range(0, len(messages), provider.window)])
    lock = threading.Lock()

    def lane() -> int:
        accepted = 0
        while True:
            with lock:
                window = next(windows, None)
            if window is None:
                return accepted
            outcomes = provider.deliver(window, deadline=time.monotonic() + 60)
            accepted += sum(outcome.kind is OutcomeKind.ACCEPTED for outcome in outcomes)

    with ThreadPoolExecutor(LANES) as lanes:
        return sum(each.result() for each in [lanes.submit(lane) for _ in range(LANES)])


def _megabytes() -> float:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * 4096 / 1e6


def _carry_raw(account: Account, folder: Path, count: int) -> tuple[float, int, int]:
    """Return messages a second of a raw client, how many calls it makes at once, and how many in all."""
    with (
        _simulator(folder) as simulator,
        tapped(int(simulator.http_url.rpartition(":")[2]), simulator.smtp_port, folder) as (http, smtp),
    ):
        provider = account.open(f"http://127.0.0.1:{http.port}", smtp.port, PATIENCE)
        window = provider.window
        _hand_over(provider, _messages(account, count))
        provider.close()
    asked = [request for said in http.said for request in requests_in(said) if parcels_in(request)]
    mails = [envelope for said in smtp.said for envelope in envelopes_in(said)]
    # What was signed may be used once, so who hears it again has to be another.
    with _simulator(folder) as simulator:
        at_once = MAIL_CONNECTIONS if mails else min(window, len(asked))
        began = time.monotonic()
        if mails:
            _send_mails(simulator.smtp_port, mails)
        else:
            _post(simulator.http_url, account.name, asked, at_once)
        seconds = time.monotonic() - began
    carried = len(mails) or sum(len(parcels_in(request)) for request in asked)
    return carried / seconds, at_once, len(mails) or len(asked)


def _post(url: str, name: str, asked: Sequence[Request], at_once: int) -> None:
    token, line = _token(url, name), itertools.count()

    def client() -> None:
        with requests.Session() as session:
            session.trust_env = False
            while (place := next(line)) < len(asked):
                request = asked[place]
                target = _with_token(request.target, token) if token else request.target
                session.request(
                    request.method,
                    url + target,
                    data=request.body or None,
                    headers=dict(request.headers),
                    timeout=PATIENCE,
                )

    with ThreadPoolExecutor(at_once) as clients:
        for each in [clients.submit(client) for _ in range(at_once)]:
            each.result()


def _token(url: str, name: str) -> str:
    if not name.startswith("wechat"):
        return ""
    if name in TOKENS:
        app_id, secret = TOKENS[name]
        asked = {"grant_type": "client_credential", "appid": app_id, "secret": secret}
        return str(requests.post(f"{url}/cgi-bin/stable_token", json=asked, timeout=10).json()["access_token"])
    query = urlencode({"corpid": "ww7373737373737373", "corpsecret": "simulated-corp-secret"})
    return str(requests.get(f"{url}/cgi-bin/gettoken?{query}", timeout=10).json()["access_token"])


def _with_token(target: str, token: str) -> str:
    place = urlsplit(target)
    return f"{place.path}?{urlencode(dict(parse_qsl(place.query)) | {'access_token': token})}"


def _send_mails(port: int, mails: Sequence[Envelope]) -> None:
    line = itertools.count()

    def client() -> None:
        with smtplib.SMTP("127.0.0.1", port) as server:
            while (place := next(line)) < len(mails):
                mail = mails[place]
                server.sendmail(mail.sender, list(mail.recipients), mail.content)

    with ThreadPoolExecutor(MAIL_CONNECTIONS) as clients:
        for each in [clients.submit(client) for _ in range(MAIL_CONNECTIONS)]:
            each.result()
