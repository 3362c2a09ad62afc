"""A real Kannel on this machine: its bearerbox, its smsbox and its fake short message centre.

``python -m tests.channels.kannel_bearerbox [MESSAGES]`` sends through it, gets every report and
every reply back over HTTP, says how long that took, and stops everything it started.
"""

import contextlib
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qsl, quote, unquote_to_bytes

from channels.errors import CallbackRefused
from channels.message import CallbackRequest, Channel, DeliveryReport, Message, Reply
from channels.registry import open_provider
from channels.sms.kannel import KannelSms

PLACES = "/usr/sbin", "/usr/local/sbin", "/usr/bin", "/usr/lib/kannel/test"
PATIENCE = 60.0  #: seconds without anything new after which what is missing will not come
OUR_NUMBER = "10690000"
CONFIGURATION = """
group = core
admin-port = {admin}
admin-password = {password}
admin-deny-ip = "*.*.*.*"
admin-allow-ip = "127.0.0.1"
smsbox-port = {link}
box-deny-ip = "*.*.*.*"
box-allow-ip = "127.0.0.1"
dlr-storage = internal
store-type = spool
store-location = "{folder}/store"

group = smsc
smsc = fake
smsc-id = FAKE
port = {fake}
connect-allow-ip = 127.0.0.1
denied-smsc-id = STERN

group = smsc
smsc = http
smsc-id = STERN
system-type = kannel
port = {stern}
send-url = "{listener}/sendsms"
dlr-url = "http://127.0.0.1:{stern}/?username=up&password=up"
smsc-username = up
smsc-password = up
allowed-smsc-id = STERN

group = smsbox
bearerbox-host = 127.0.0.1
sendsms-port = {sendsms}
global-sender = {number}
sendsms-chars = "0123456789+ "
http-request-retry = 3
http-queue-delay = 2
mo-recode = {recode}

group = sendsms-user
username = tidings
password = {password}
user-deny-ip = "*.*.*.*"
user-allow-ip = "127.0.0.1"
max-messages = 10
concatenation = true

group = sms-service
keyword = default
catch-all = true
max-messages = 0
get-url = "{callback}?from=%p&text=%b&charset=%C&id=%I&at=%T"
"""


def program(name: str) -> str | None:
    """Return where one of Kannel's programs is; None: Kannel is not installed."""
    return shutil.which(name, path=":".join(PLACES))


def missing() -> str:
    """Say which program is missing; nothing: all are there."""
    absent = [name for name in ("bearerbox", "smsbox", "fakesmsc") if program(name) is None]
    return (
        f"Kannel is not installed (no {', '.join(absent)}); Debian: apt-get install kannel kannel-extras"
        if absent
        else ""
    )


class Server(ThreadingHTTPServer):
    request_queue_size = 1024  # Kannel calls from many connections at once.

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing of a Kannel that hangs up because it ends; a call that is lost is missed in the count."""


class Listener:
    """Our callback address, over real HTTP; it turns the first calls away, so that they are made again."""

    def __init__(self, *, refusing: int = 0) -> None:
        self.asked: list[str] = []
        self.refused = 0
        listener = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                if self.path.startswith("/sendsms?"):
                    self._be_stern(dict(parse_qsl(self.path.partition("?")[2])))
                    return
                turned_away = listener.refused < refusing
                listener.refused += turned_away
                if not turned_away:
                    listener.asked.append(self.path)
                self.send_response(503 if turned_away else 200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def _be_stern(self, asked: dict[str, str]) -> None:
                """Refuse a number that ends in 9; take any other, put it off, and say then that it failed."""
                refused = asked["to"].endswith("9")
                said = b"Number refused" if refused else b"0: Accepted for delivery"
                self.send_response(403 if refused else 202)
                self.send_header("Content-Length", str(len(said)))
                self.end_headers()
                self.wfile.write(said)
                if not refused:
                    threading.Thread(target=fail_later, args=(asked["dlr-url"],), daemon=True).start()

            def log_message(self, format: str, *arguments: object) -> None:
                """Say nothing."""

        self._server = Server(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/callbacks/sms.kannel/hush"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


def fail_later(report: str) -> None:
    """Report to Kannel as its short message centre would: put off, then failed."""
    for status in ("4", "2"):
        time.sleep(0.2)
        urllib.request.urlopen(report.replace("%d", status), timeout=5).close()


class FakeCentre:
    """The fake short message centre: what phones got, and what their owners write."""

    def __init__(self, port: int) -> None:
        command = [str(program("fakesmsc")), "-H", "127.0.0.1", "-r", str(port), "-i", "0.001", "-v", "0"]
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, bufsize=1
        )
        self.got: list[tuple[str, str]] = []  #: the phone's number and the words, of messages of one part
        self.pieces: Counter[str] = Counter()  #: parts of longer messages by the phone's number
        self._sent = 0
        self._news = threading.Condition()
        self._reading = threading.Thread(target=self._read, daemon=True)
        self._reading.start()

    def write(self, line: str) -> None:
        """Let a phone's owner write, and wait until the centre has passed it on: it reads one line at a time."""
        assert self._process.stdin is not None
        with self._news:
            before = self._sent
            self._process.stdin.write(f"{line}\n")
            self._process.stdin.flush()
            if not self._news.wait_for(lambda: self._sent > before, PATIENCE):
                raise RuntimeError("the fake short message centre does not pass on what is written")

    def close(self) -> None:
        end(self._process)
        self._reading.join(5)

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            with self._news:
                if "fakesmsc: sent message" in line:
                    self._sent += 1
                elif found := re.search(r"Got message \d+: <\S+ (\S+) (text|ucs-2|udh) ?(.*)>$", line):
                    self._note(*found.groups())
                self._news.notify_all()

    def _note(self, number: str, kind: str, words: str) -> None:
        if kind == "udh":
            self.pieces[number] += 1
        else:
            self.got.append(
                (number, unquote_to_bytes(words.replace("+", " ")).decode("utf-16-be") if kind == "ucs-2" else words)
            )


def end(process: subprocess.Popen[str]) -> None:
    process.terminate()
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


@dataclass
class Gateway:
    """A running Kannel with both of its far ends."""

    endpoint: str
    listener: Listener
    centre: FakeCentre
    password: str
    provider: KannelSms = field(init=False)

    def __post_init__(self) -> None:
        self.provider = self.account()

    def account(self, **more: object) -> KannelSms:
        """Open an account at it."""
        settings = {
            "username": "tidings",
            "password": self.password,
            "callback_url": self.listener.url,
            "endpoint": self.endpoint,
        }
        provider = open_provider("sms.kannel", {**settings, **more})
        assert isinstance(provider, KannelSms)
        return provider

    def told(self) -> tuple[list[DeliveryReport], list[Reply]]:
        """Return every report and every reply that has come, as the adapter reads them."""
        reports: list[DeliveryReport] = []
        replies: list[Reply] = []
        for target in list(self.listener.asked):
            url = self.listener.url.partition("/callbacks")[0] + target
            try:
                callback = self.provider.read_callback(CallbackRequest(method="GET", url=url, headers={}, body=b""))
            except CallbackRefused as refused:
                raise AssertionError(target) from refused
            assert callback.body == b"", "whatever is answered would be sent to the member"
            reports += callback.reports
            replies += callback.replies
        return reports, replies

    def wait(self, count: Callable[[], int], wanted: int) -> None:
        """Wait until there are so many, for as long as more keep coming."""
        last, since = -1, time.monotonic()
        while (now := count()) < wanted and time.monotonic() - since < PATIENCE:
            if now != last:
                last, since = now, time.monotonic()
            time.sleep(0.05)


@contextlib.contextmanager
def running(*, refusing: int = 0, recode: bool = True) -> Iterator[Gateway]:
    """Run a Kannel on free ports of this machine, in a folder that is gone afterwards."""
    with contextlib.ExitStack() as held:
        folder = held.enter_context(tempfile.TemporaryDirectory(prefix="kannel-", ignore_cleanup_errors=True))
        (Path(folder) / "store").mkdir()
        listener = Listener(refusing=refusing)
        held.callback(listener.close)
        ports = dict(zip(("admin", "link", "fake", "stern", "sendsms"), free_ports(5), strict=True))
        written = CONFIGURATION.format(
            folder=folder,
            callback=listener.url,
            listener=listener.url.partition("/callbacks")[0],
            number=OUR_NUMBER,
            password="hush-hush",
            recode=str(recode).lower(),
            **ports,
        )
        configuration = Path(folder) / "kannel.conf"
        configuration.write_text(written, "utf-8")
        for name, port in (("bearerbox", ports["link"]), ("smsbox", ports["sendsms"])):
            held.callback(end, start(name, configuration))
            reach(port)
        centre = FakeCentre(ports["fake"])
        held.callback(centre.close)
        gateway = Gateway(f"http://127.0.0.1:{ports['sendsms']}", listener, centre, "hush-hush")
        held.callback(gateway.provider.close)
        yield gateway


def start(name: str, configuration: Path) -> subprocess.Popen[str]:
    with (configuration.parent / f"{name}.out").open("w") as said:
        command = [str(program(name)), "-v", "3", str(configuration)]
        return subprocess.Popen(command, cwd=configuration.parent, stdout=said, stderr=said, text=True)


def free_ports(count: int) -> list[int]:
    with contextlib.ExitStack() as held:
        opened = [held.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(count)]
        return [each.getsockname()[1] for each in opened]


def reach(port: int) -> None:
    """Wait until somebody listens."""
    until = time.monotonic() + 20
    while True:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        if time.monotonic() > until:
            raise RuntimeError("Kannel does not listen")
        time.sleep(0.05)


def messages(count: int) -> list[Message]:
    """Return messages to as many numbers, by turns in the GSM alphabet and in Chinese."""
    words = (
        lambda number: f"Hello {number}, -20% [today] only; 5 €. Reply STOP to end",
        lambda number: f"【示例商城】{number}号会员您好，金卡积分即将到期😀 退订回T",
    )
    return [
        Message(
            reference=f"0badcafe-{number}",
            channel=Channel.SMS,
            address=f"+86138{number:08d}",
            parts={"text": words[number % 2](number)},
        )
        for number in range(count)
    ]


@dataclass(frozen=True)
class Figures:
    """What a run came to; lengths of time in seconds."""

    sent: int
    taken: Counter[str]  #: hand-overs by outcome
    wrong_words: list[str]  #: references whose words did not arrive exactly once and exactly
    unreported: list[str]  #: references without both reports
    reports: int
    unanswered: list[str]  #: numbers whose reply did not come back, or not with its words
    replies: int
    handing_over: float
    until_reported: float
    until_replied: float

    @property
    def complete(self) -> bool:
        return self.taken == Counter(accepted=self.sent) and not (
            self.wrong_words or self.unreported or self.unanswered
        )


def run(gateway: Gateway, count: int) -> Figures:
    """Send so many messages, wait for every report, let every phone answer, and wait for every reply."""
    sent = messages(count)
    began = time.monotonic()
    outcomes = gateway.provider.deliver(sent, deadline=began + 120)
    handed_over = time.monotonic()
    gateway.wait(lambda: len(gateway.listener.asked), 2 * count)
    reported = time.monotonic()
    reports, _ = gateway.told()
    told = {(each.reference, each.status.value) for each in reports}
    written = dict(each for number, message in enumerate(sent) for each in [(message.address, answer(number))])
    for address, words in written.items():
        gateway.centre.write(f"{address.removeprefix('+86')} {OUR_NUMBER} ucs2 {quote(words.encode('utf-16-be'))}")
    gateway.wait(lambda: len(gateway.listener.asked), 3 * count)
    replied = time.monotonic()
    replies = gateway.told()[1]
    back = {each.address: each.text for each in replies}
    got = Counter(gateway.centre.got)
    return Figures(
        sent=count,
        taken=Counter(each.kind.value for each in outcomes),
        wrong_words=[each.reference for each in sent if got[each.address, each.parts["text"]] != 1],
        unreported=[
            each.reference for each in sent if not told >= {(each.reference, "accepted"), (each.reference, "delivered")}
        ],
        reports=len(reports),
        unanswered=[address for address, words in written.items() if back.get(address) != words],
        replies=len(replies),
        handing_over=handed_over - began,
        until_reported=reported - began,
        until_replied=replied - reported,
    )


def answer(number: int) -> str:
    return ("退订", "TD", "请问  什么时候到货？")[number % 3]


def main(arguments: Sequence[str]) -> int:
    if lack := missing():
        print(lack)
        return 1
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # So that whoever stops this stops Kannel, too.
    count = int(arguments[0]) if arguments else 1000
    with running(refusing=count // 100) as gateway:
        figures = run(gateway, count)
        again = gateway.listener.refused
    print(f"{figures.sent} messages handed over in {figures.handing_over:.2f} s: {dict(figures.taken)}")
    print(
        f"{figures.reports} reports, the last after {figures.until_reported:.2f} s; {again} calls turned away and made again"
    )
    print(f"{figures.replies} replies within {figures.until_replied:.2f} s")
    for what, which in (
        ("words not as sent", figures.wrong_words),
        ("no report", figures.unreported),
        ("no reply", figures.unanswered),
    ):
        print(f"{what}: {len(which)} {' '.join(which[:5])}")
    return 0 if figures.complete else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
