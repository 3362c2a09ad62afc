"""The simulator's page: it shows what came as phones do, believes nothing of it, and lets members act."""

import base64
import http.client
import re
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator, Mapping
from html.parser import HTMLParser
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from channels.message import CallbackRequest, Channel, ContactKind, GrantKind, Message
from channels.provider import Provider
from channels.registry import open_provider
from channels.simulator.members_acts import acts_of, told_as
from channels.simulator.page_words import CHINESE, ENGLISH, words_for
from channels.simulator.record import LARGEST_SHOWN, LARGEST_TOGETHER, SHOWN, Record
from channels.simulator.running import SimulatorProcess
from channels.simulator.settings import ReceiptRules, SimulatorSettings

OPENID = "oMember0000000000000000000_1"
HOSTILE = '</pre></p></textarea><script>alert(1)</script><img src=x onerror="alert(1)">"\'><b>&lt;{{ 7*7 }}{% raw %}'
TWILIO_URL = "https://crm.example.com/callbacks/sms.twilio/hush"
#: What each account is opened with at the simulator.
ACCOUNTS: dict[str, dict[str, object]] = {
    "sms.aliyun": {
        "access_key_id": "simulated-key",
        "access_key_secret": "simulated-secret",
        "sign_name": "示例商城",
        "template_codes": {"*": "SMS_123456789"},
    },
    "sms.tencent": {
        "secret_id": "simulated-key",
        "secret_key": "simulated-secret",
        "app_id": "1400006666",
        "sign_name": "示例商城",
        "templates": {"*": {"id": "1110", "variables": ["name"]}},
    },
    "sms.twilio": {
        "account_sid": "AC00000000000000000000000000000000",
        "auth_token": "simulated-auth-token",
        "sender": "+15005550006",
        "callback_url": TWILIO_URL,
    },
    "sms.kannel": {
        "username": "simulated-user",
        "password": "simulated-password",
        "callback_url": "https://crm.example.com/k",
    },
    "wechat.official_account": {
        "app_id": "wx5151515151515151",
        "app_secret": "simulated-app-secret",
        "template_ids": {"*": "TM"},
        "callback_token": "simulated-callback-token",
    },
    "wechat.mini_program": {
        "app_id": "wx6262626262626262",
        "app_secret": "simulated-mini-secret",
        "template_ids": {"*": "TM"},
        "callback_token": "simulated-callback-token",
    },
}


class Hearing(HTTPServer):
    """The installation's public side: it remembers what it was told, and says yes."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.heard: list[CallbackRequest] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class _Handler(BaseHTTPRequestHandler):
    server: Hearing

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        headers = {name.lower(): value for name, value in self.headers.items()}
        url = self.server.url + self.path
        self.server.heard.append(CallbackRequest(method=self.command, url=url, headers=headers, body=body))
        self.send_response(200)
        self.end_headers()

    do_GET = do_POST  # noqa: N815 - The name is the library's.

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(scope="module")
def hearing() -> Iterator[Hearing]:
    server = Hearing()
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server
    server.shutdown()


@pytest.fixture(scope="module")
def simulator(tmp_path_factory: pytest.TempPathFactory, hearing: Hearing) -> Iterator[SimulatorProcess]:
    settings = SimulatorSettings(
        record=tmp_path_factory.mktemp("page") / "record.jsonl",
        http_port=0,
        smtp_port=0,
        receipts=ReceiptRules(
            callback_urls={name: f"{hearing.url}/callbacks/{name}/hush" for name in ACCOUNTS}, held=True
        ),
    )
    with SimulatorProcess(settings) as running:
        yield running


def account(simulator: SimulatorProcess, name: str, **more: object) -> Provider:
    return open_provider(name, {**ACCOUNTS[name], "endpoint": simulator.http_url, **more})


def send(simulator: SimulatorProcess, name: str, address: str, parts: dict[str, str], **more: object) -> None:
    provider = account(simulator, name, **more)
    channel = Channel(name.partition(".")[0])
    message = Message(
        reference=f"r{time.monotonic_ns()}",
        channel=channel,
        address=address,
        parts=parts,
        variables=parts,
        template="t",
    )
    (outcome,) = provider.deliver([message], deadline=time.monotonic() + 10)
    provider.close()
    assert outcome.kind.value == "accepted", outcome


def send_mail(
    simulator: SimulatorProcess,
    address: str,
    name: str = "email.smtp",
    images: Mapping[str, bytes] | None = None,
    **parts: str,
) -> None:
    smtp = {"host": "127.0.0.1", "port": simulator.smtp_port, "security": "none"}
    http = {"endpoint": simulator.http_url, "api_key": "simulated-mail-key"}
    given = smtp if name == "email.smtp" else http
    provider = open_provider(name, {**given, "sender_address": "news@example.com"})
    unsubscribe = parts.pop("unsubscribe", "")
    headers = {"List-Unsubscribe": f"<{unsubscribe}>", "List-Unsubscribe-Post": "List-Unsubscribe=One-Click"}
    message = Message(
        reference="r1",
        channel=Channel.EMAIL,
        address=address,
        parts=parts,
        headers=headers if unsubscribe else {},
        images=images or {},
    )
    (outcome,) = provider.deliver([message], deadline=time.monotonic() + 10)
    provider.close()
    assert outcome.kind.value == "accepted", outcome


def look(simulator: SimulatorProcess, language: str = "en", **asked: str) -> str:
    query = urllib.parse.urlencode(asked)
    request = urllib.request.Request(f"{simulator.http_url}/?{query}", headers={"Accept-Language": language})
    with urllib.request.urlopen(request, timeout=10) as answer:
        return str(answer.read().decode())


def press(simulator: SimulatorProcess, headers: dict[str, str] | None = None, **form: str) -> tuple[int, str]:
    """Press a button and return the status and where it leads."""
    place = urllib.parse.urlsplit(simulator.http_url)
    connection = http.client.HTTPConnection(place.hostname or "", place.port or 0, timeout=15)
    sent = {"Content-Type": "application/x-www-form-urlencoded", **(headers or {})}
    connection.request("POST", "/_simulator/page/do", urllib.parse.urlencode(form), sent)
    answer = connection.getresponse()
    answer.read()
    connection.close()
    return answer.status, answer.getheader("Location") or ""


class Elements(HTMLParser):
    """What a browser would make of a page: its elements, and the words between them."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.words = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.words += data


@pytest.mark.parametrize("name", ["sms.twilio", "wechat.official_account", "email.smtp"])
def test_hostile_words_are_words(simulator: SimulatorProcess, name: str) -> None:
    if name == "email.smtp":
        send_mail(simulator, "hostile@members.example", subject=HOSTILE, html=HOSTILE, text=HOSTILE)
        page = look(simulator, wanted="hostile@members.example")
    elif name == "sms.twilio":
        send(simulator, name, "+14155550001", {"text": HOSTILE})
        page = look(simulator, provider=name, address="+14155550001")
    else:
        send(simulator, name, OPENID, {"time1": HOSTILE, "url": "javascript:alert(1)"})
        page = look(simulator, provider=name, address=OPENID)

    made = Elements(page)
    scripts = [attributes for tag, attributes in made.found if tag == "script"]
    assert scripts == [{"src": "/_simulator/page/page.js", "defer": None}]
    assert not [each for each in made.found if each[0] == "img" or any(key.startswith("on") for key in each[1])]
    assert not [each for each in made.found if (each[1].get("href") or "").startswith("javascript")]
    assert "{{ 7*7 }}{% raw %}" in made.words and "<script>alert(1)</script>" in made.words
    frames = [attributes for tag, attributes in made.found if tag == "iframe"]
    assert all(
        "allow-scripts" not in (each["sandbox"] or "") and "allow-same-origin" not in (each["sandbox"] or "")
        for each in frames
    )
    assert len(frames) == (name == "email.smtp")


def test_nothing_is_fetched_from_elsewhere_and_only_our_own_file_runs(simulator: SimulatorProcess) -> None:
    with urllib.request.urlopen(simulator.http_url, timeout=10) as answer:
        policy, page = answer.headers["Content-Security-Policy"], answer.read().decode()

    assert "default-src 'none'" in policy and "script-src 'self';" in policy and "img-src data:;" in policy
    loaded = [
        attributes.get("src") or attributes.get("href")
        for tag, attributes in Elements(page).found
        if tag in ("script", "link", "img", "iframe")
    ]
    assert set(loaded) <= {"/_simulator/page/page.css", "/_simulator/page/page.js", "data:,", None}
    for file in ("page.css", "page.js"):
        with urllib.request.urlopen(f"{simulator.http_url}/_simulator/page/{file}", timeout=10) as answer:
            assert not re.search(rb"https?://|@import|url\(", answer.read())


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "evil.example"},
        {"Host": "evil.example:8480"},
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
)
def test_another_site_can_neither_press_a_button_nor_borrow_the_address(
    simulator: SimulatorProcess, headers: dict[str, str]
) -> None:
    assert press(simulator, headers, do="next", fault="hang") == (403, "")
    if "Host" in headers:
        request = urllib.request.Request(simulator.http_url, headers=headers)
        with pytest.raises(urllib.error.HTTPError):
            urllib.request.urlopen(request, timeout=10)


def test_the_page_speaks_the_language_that_is_named_first(simulator: SimulatorProcess) -> None:
    assert "Tidings 模拟器" in look(simulator, "zh-CN,zh;q=0.9,en;q=0.8")
    assert "Tidings simulator" in look(simulator, "en-GB,en;q=0.9,zh;q=0.8")
    assert "Tidings simulator" in look(simulator, "fr")
    assert CHINESE.keys() == ENGLISH.keys() and words_for("") is ENGLISH


def test_an_address_narrows_the_page_and_a_text_tells_its_parts(simulator: SimulatorProcess) -> None:
    send(simulator, "sms.twilio", "+14155550011", {"text": "a" * 161})
    send(simulator, "sms.twilio", "+14155550012", {"text": "好，见 http://127.0.0.1:8300/c/x。"})

    first, second = look(simulator, wanted="50011"), look(simulator, wanted="50012")

    assert "2 parts" in first and "50012" not in first
    assert '<a href="http://127.0.0.1:8300/c/x" target="_blank" rel="noreferrer noopener">' in second
    assert "Nothing goes to such an address" in look(simulator, wanted="nobody")


def test_a_mail_is_shown_as_designed_as_text_and_with_its_headers(simulator: SimulatorProcess) -> None:
    send_mail(
        simulator, "whole@members.example", subject="生日快乐", html='<h1 style="color:red">礼物</h1>', text="礼物"
    )

    made = Elements(look(simulator, wanted="whole@members.example"))

    (frame,) = [attributes for tag, attributes in made.found if tag == "iframe"]
    assert '<h1 style="color:red">礼物</h1>' in (frame["srcdoc"] or "") and '<base target="_blank">' in (
        frame["srcdoc"] or ""
    )
    assert "生日快乐" in made.words and "X-Tidings-Reference" in made.words


#: A mail with both is larger than what the page once kept of a mail.
PICTURES = {
    "logo-1.png@tidings": b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 780,
    "back-1.gif@tidings": b"GIF89a" + bytes(range(256)) * 780,
}


@pytest.mark.parametrize("text", ["图", ""])
@pytest.mark.parametrize("name", ["email.smtp", "email.sendgrid"])
def test_pictures_that_travel_inside_a_mail_are_shown(simulator: SimulatorProcess, name: str, text: str) -> None:
    address = f"{name.partition('.')[2]}{len(text)}@members.example"
    html = "".join(f'<img src="cid:{cid}" alt="x">' for cid in PICTURES) + '<img src="cid:nobodys@tidings">'
    parts = {"subject": "s", "html": html, **({"text": text} if text else {})}
    send_mail(simulator, address, name, PICTURES, **parts)

    made = Elements(look(simulator, wanted=address))

    (frame,) = [attributes for tag, attributes in made.found if tag == "iframe"]
    shown = re.findall(r'src="([^"]+)"', frame["srcdoc"] or "")
    assert shown == [
        *(
            f"data:image/{cid.partition('.')[2][:3]};base64,{base64.b64encode(content).decode()}"
            for cid, content in PICTURES.items()
        ),
        "cid:nobodys@tidings",
    ]


def test_of_many_large_mails_the_page_holds_the_latest_whole(tmp_path: Path) -> None:
    record = Record(tmp_path / "record.jsonl")
    mail = {"provider": "email.smtp", "reference": "", "address": "a@b.cn"}
    fitting = LARGEST_TOGETHER // LARGEST_SHOWN
    try:
        for _small in range(2):
            record.append(**mail, text="small", source=b"x")
        for number in range(fitting + 2):
            record.append(**mail, text=f"{number}", source=b"x" * LARGEST_SHOWN)
        record.append(**mail, text="too large", source=b"x" * (LARGEST_SHOWN + 1))
        shown = record.shown()
    finally:
        record.close()

    assert [each.text for each in shown] == [
        "small",
        "small",
        *(f"{number}" for number in range(fitting + 2)),
        "too large",
    ]
    assert [bool(each.source) for each in shown] == [*[False] * 4, *[True] * fitting, False]


def test_what_is_forgotten_makes_room(tmp_path: Path) -> None:
    record = Record(tmp_path / "record.jsonl")
    large = b"x" * LARGEST_SHOWN
    try:
        for _round in range(2):
            for number in range(SHOWN):
                source = large if number < LARGEST_TOGETHER // LARGEST_SHOWN else b""
                record.append(provider="email.smtp", reference="", address="a@b.cn", text=f"{number}", source=source)
        shown = record.shown()
    finally:
        record.close()

    assert sum(len(each.source) for each in shown) == LARGEST_TOGETHER // LARGEST_SHOWN * LARGEST_SHOWN


@pytest.mark.parametrize(
    ("name", "told"),
    [("sms.twilio", True), ("sms.kannel", True), ("sms.aliyun", False), ("sms.tencent", False)],
)
def test_parts_are_told_where_the_whole_text_is_known(simulator: SimulatorProcess, name: str, told: bool) -> None:
    number = f"+8613800000{sorted(ACCOUNTS).index(name):03d}"
    send(simulator, name, number, {"text": "您好", "name": "李"})

    page = look(simulator, channel="sms", wanted=number[-8:])

    assert ("1 part " in Elements(page).words) is told and "Nothing goes to such an address" not in page


@pytest.mark.parametrize("name", sorted(ACCOUNTS))
def test_a_reply_of_the_member_is_one_that_the_adapter_reads(
    simulator: SimulatorProcess, hearing: Hearing, name: str
) -> None:
    is_text = name.startswith("sms.")
    address = "+8613800000031" if is_text else OPENID
    send(simulator, name, address, {"text": "您好", "name": "李"} if is_text else {"thing1": "好"})
    page = look(simulator, channel=name.partition(".")[0], wanted=address[-9:])
    known = re.search(r'name="address" value="([^"]+)"', page)
    assert known is not None
    hearing.heard.clear()

    status, leads = press(
        simulator, do="reply", provider=name, address=known[1], words="退订 & <b>", back="/?channel=sms"
    )

    assert (status, leads) == (303, "/?channel=sms&said=told")
    more = {"callback_url": f"{hearing.url}/callbacks/sms.twilio/hush"} if name == "sms.twilio" else {}
    provider = account(simulator, name, **more)
    (reply,) = provider.read_callback(hearing.heard[-1]).replies
    provider.close()
    assert (reply.text, reply.address) == ("退订 & <b>", address)
    assert "退订 &amp; &lt;b&gt;" in look(simulator, provider=name, address=known[1])


def test_what_a_member_does_with_the_account_is_told(simulator: SimulatorProcess, hearing: Hearing) -> None:
    name = "wechat.official_account"
    send(simulator, name, OPENID, {"thing1": "好"})
    provider = account(simulator, name)
    hearing.heard.clear()

    for act in ("follow", "unfollow", "menu", "allow", "decline", "withdraw"):
        pressed = press(simulator, do=act, provider=name, address=OPENID, template="TM")
        assert pressed == (303, "/?said=told")

    told = [provider.read_callback(each) for each in hearing.heard]
    provider.close()
    assert [each.kind for callback in told for each in callback.contacts] == [
        ContactKind.FOLLOWED, ContactKind.UNFOLLOWED, ContactKind.TAPPED,
    ]  # fmt: skip
    assert [(each.kind, each.template_code) for callback in told for each in callback.grants] == [
        (GrantKind.GIVEN, "TM"), (GrantKind.DECLINED, "TM"), (GrantKind.WITHDRAWN, "TM"),
    ]  # fmt: skip
    assert "took every permission back" in look(simulator, provider=name, address=OPENID)


def test_one_click_is_posted_to_the_installation_and_to_nobody_else(
    simulator: SimulatorProcess, hearing: Hearing
) -> None:
    def unsubscribe(address: str, link: str) -> str:
        send_mail(simulator, address, subject="s", html="<p>x</p>", text="x", unsubscribe=link)
        found = re.search(r'name="mail" value="(\d+)"', look(simulator, wanted=address))
        assert found is not None
        return press(simulator, do="unsubscribe", mail=found[1])[1]

    hearing.heard.clear()
    assert unsubscribe("leaving@members.example", f"{hearing.url}/u/token?x=1") == "/?said=told"
    assert (hearing.heard[0].body, hearing.heard[0].url) == (
        b"List-Unsubscribe=One-Click",
        f"{hearing.url}/u/token?x=1",
    )
    assert "unsubscribed with one click" in look(simulator, wanted="leaving@members.example")
    assert unsubscribe("other@members.example", "http://192.0.2.7/u/token") == "/?said=elsewhere"
    assert len(hearing.heard) == 1


def test_faults_are_set_by_buttons(simulator: SimulatorProcess) -> None:
    assert press(simulator, do="next", fault="content_refused")[1] == "/?said=ordered"
    provider = account(simulator, "sms.twilio")
    message = Message(reference="r1", channel=Channel.SMS, address="+14155550041", parts={"text": "x"})
    first, second = (provider.deliver([message], deadline=time.monotonic() + 9)[0].kind.value for _ in range(2))
    provider.close()
    assert (first, second) == ("rejected", "accepted")

    assert press(simulator, do="always", fault="throttled", share="0.5")[1] == "/?said=set"
    assert "too many (429) 0.5" in look(simulator)
    assert press(simulator, do="always", fault="throttled", share="7")[1] == "/?said=impossible"
    assert press(simulator, do="calm")[1] == "/?said=calm_done"
    assert "In force" not in look(simulator)


@pytest.mark.parametrize("back", ["https://evil.example/", "//evil.example", "/\r\nSet-Cookie: a=b", "/x?", ""])
def test_a_button_leads_back_to_the_page_and_nowhere_else(simulator: SimulatorProcess, back: str) -> None:
    assert press(simulator, do="release", back=back) == (303, "/?said=released")


def test_acts_that_a_provider_does_not_tell_of_change_nothing(simulator: SimulatorProcess, tmp_path: Path) -> None:
    nobodys = press(simulator, do="reply", provider="sms.twilio", address="+19998887777", words="STOP")
    unknown = press(simulator, do="fly", provider="sms.twilio", address="+14155550041")

    assert (nobodys[1], unknown[1]) == ("/?said=impossible", "/?said=impossible")
    assert acts_of("email.smtp") == () and acts_of("wechat.wecom") == ()
    settings = SimulatorSettings(record=tmp_path / "r")
    assert told_as(settings, "sms.aliyun", "13800000000", "follow", "", number=1) is None


def test_a_line_break_in_the_way_back_adds_no_header(simulator: SimulatorProcess) -> None:
    status, leads = press(simulator, do="release", back="/?a=1\r\nSet-Cookie: b=c")

    assert status == 303 and "\n" not in leads and leads.startswith("/?a=1%0D%0A")
