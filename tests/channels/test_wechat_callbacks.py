"""WeChat's pushes: who may make them, in every mode, and what each event says."""

import base64
import contextlib
import json
import random
import time
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from urllib.parse import parse_qsl, urlencode, urlsplit
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis.strategies import (
    binary,
    booleans,
    dictionaries,
    floats,
    integers,
    lists,
    none,
    recursive,
    sampled_from,
    text,
)

from channels.errors import CallbackRefused
from channels.message import Callback, CallbackRequest, ReportStatus
from channels.wechat.callbacks import CallbackSettings, Gate, open_gate
from channels.wechat.encryption import MessageKey, Undecipherable, sealed_answer, signature
from channels.wechat.fields import LARGEST, Unreadable, read_fields

TOKEN, KEY, APP = "camp4ignToken01", "Qm9sdDQ3eHlaUm5LdlB3TDJjVGhFZ0FpU3VPajhNazA", "wx0a1b2c3d4e5f6071"
OTHER_KEY = "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG"
STAMP, NONCE = "1760001000", "900000000"
OPENID = "oAlpha_0000000000000000000_1"
#: A machine shared by many may take this much longer than the 50 ms that are promised.
PROMISED, GENEROUS = 0.05, 6


def gate(token: str = TOKEN, key: str | None = KEY, app: str = APP, **more: object) -> Gate:
    settings = CallbackSettings.model_validate({"callback_token": token, "encoding_aes_key": key, **more})
    return open_gate(settings, provider="wechat.test", receive_id=app)


def post(body: bytes | str, query: Mapping[str, str], method: str = "POST") -> CallbackRequest:
    url = f"https://crm.example.com/callbacks/x?{urlencode(query)}"
    return CallbackRequest(method=method, url=url, headers={}, body=body.encode() if isinstance(body, str) else body)


def plain(body: bytes | str) -> CallbackRequest:
    return post(body, {"signature": signature(TOKEN, STAMP, NONCE), "timestamp": STAMP, "nonce": NONCE})


def sealed(words: str, *, key: str = KEY, app: str = APP, token: str = TOKEN, as_json: bool = False) -> CallbackRequest:
    encrypted = MessageKey(key, app).encrypt(words.encode())
    query = {
        "signature": signature(token, STAMP, NONCE),
        "msg_signature": signature(token, STAMP, NONCE, encrypted),
        "timestamp": STAMP,
        "nonce": NONCE,
        "encrypt_type": "aes",
    }
    outside = json.dumps({"Encrypt": encrypted}) if as_json else f"<xml><Encrypt>{encrypted}</Encrypt></xml>"
    return post(outside, query)


def event(name: str, inner: str = "", *, at: int = 1760000001, kind: str = "event") -> str:
    return (
        "<xml><ToUserName><![CDATA[gh_a1b2c3d4e5f6]]></ToUserName>"
        f"<FromUserName><![CDATA[{OPENID}]]></FromUserName><CreateTime>{at}</CreateTime>"
        f"<MsgType>{kind}</MsgType><Event>{name}</Event>{inner}</xml>"
    )


def read(words: str) -> Callback:
    return gate(key=None).read(plain(words))


# The cipher


def test_the_published_safe_mode_example_is_read() -> None:
    encrypted = (
        "+qdx1OKCy+5JPCBFWw70tm0fJGb2Jmeia4FCB7kao+/Q5c/ohsOzQHi8khUOb05JCpj0JB4RvQMkUyus8TPxLKJGQqcvZqzDpVzazhZv6JsX"
        "UnnR8XGT740XgXZUXQ7vJVnAG+tE8NUd4yFyjPy7GgiaviNrlCTj+l5kdfMuFUPpRSrfMZuMcp3Fn2Pede2IuQrKEYwKSqFIZoNqJ4M8EajA"
        "sjLY2km32IIjdf8YL/P50F7mStwntrA2cPDrM1kb6mOcfBgRtWygb3VIYnSeOBrebufAlr7F9mFUPAJGj04="
    )
    key = MessageKey("A" * 43, "wxba5fad812f8e6fb9")

    assert json.loads(key.decrypt(encrypted))["debug_str"] == "hello world"
    assert key.encrypt(key.decrypt(encrypted), random=b"a8eedb185eb2fecf") == encrypted
    assert signature("AAAAA", "1714112445", "415670741", encrypted) == "046e02f8204d34f8ba5fa3b1db94908f3df2e9b3"


def test_the_length_counts_bytes_and_stray_bits_of_a_key_mean_nothing() -> None:
    key = MessageKey(OTHER_KEY, "wxb11529c136998cb6")
    expected = "jn1L23DB+6ELqJ+6bruv21Y6MD7KeIfP82D6gU39rmkgczbWwt5+3bnyg5K55bgVtVzd832WzZGMhkP72vVOfg=="

    assert key.encrypt("我是中文abcd123".encode(), random=b"aaaabbbbccccdddd") == expected
    assert key.decrypt(expected).decode() == "我是中文abcd123"


@pytest.mark.parametrize("length", range(96))
def test_whatever_is_encrypted_can_be_read_again(length: int) -> None:
    key = MessageKey(KEY, APP)
    assert key.decrypt(key.encrypt(b"x" * length)) == b"x" * length


@pytest.mark.parametrize("encrypted", ["", "@@@@", "AAAA", "A" * 44, "é" * 44, "A" * 43 + "=", "\ud800" * 44])
def test_what_is_no_cipher_is_undecipherable(encrypted: str) -> None:
    with pytest.raises(Undecipherable):
        MessageKey(KEY, APP).decrypt(encrypted)


def test_every_single_changed_byte_is_noticed_or_changes_the_random_bytes_only() -> None:
    key = MessageKey(KEY, APP)
    whole = bytearray(base64.b64decode(key.encrypt(b"<xml>words</xml>")))
    for place in range(16, len(whole)):
        changed = bytearray(whole)
        changed[place] ^= 1
        try:
            said = key.decrypt(base64.b64encode(bytes(changed)).decode())
        except Undecipherable:
            continue
        assert said != b"<xml>words</xml>" or place < 16


# The shared vectors


def account(vectors: Mapping[str, object], name: str) -> Mapping[str, str]:
    return next(each for each in vectors["generated"]["accounts"] if each["name"] == name)  # type: ignore[index]


def gate_of(vectors: Mapping[str, object], name: str, **more: object) -> Gate:
    known = account(vectors, name)
    return gate(known["token"], known["encoding_aes_key"], known["appid"], **more)


@pytest.fixture
def vectors(shared: Path) -> Mapping[str, object]:
    loaded: Mapping[str, object] = json.loads((shared / "vectors" / "wechat.json").read_text("utf-8"))
    return loaded


def test_every_shared_ciphertext_is_made_and_read_byte_for_byte(vectors: Mapping) -> None:
    rows = [{**each, **account(vectors, each["account"])} for each in vectors["generated"]["padding_edges"]]
    rows += [each for each in vectors["official"].values() if "encoding_aes_key" in each]
    for post_ in vectors["generated"]["encrypted_callbacks"]:
        encrypted = read_fields(post_["body"].encode())["Encrypt"]
        rows.append({**post_, **account(vectors, post_["account"]), "encrypt": encrypted})
    assert len(rows) == 3 + 4 + 19
    for row in rows:
        key = MessageKey(row["encoding_aes_key"], row["appid"])
        assert key.encrypt(row["plaintext"].encode(), random=row["random16"].encode()) == row["encrypt"]
        assert key.decrypt(row["encrypt"]).decode() == row["plaintext"]
        if "msg_signature" in row:
            assert signature(row["token"], row["timestamp"], row["nonce"], row["encrypt"]) == row["msg_signature"]


def test_every_shared_sealed_answer_is_made_byte_for_byte(vectors: Mapping) -> None:
    for row in vectors["generated"]["encrypted_replies"]:
        known = account(vectors, row["account"])
        made = sealed_answer(
            row["plaintext"].encode(),
            key=MessageKey(known["encoding_aes_key"], known["appid"]),
            token=known["token"],
            timestamp=row["timestamp"],
            nonce=row["nonce"],
            random=row["random16"].encode(),
        )
        assert made.decode() == row["response_xml"]
    reply = vectors["official"]["encrypt_reply_json"]
    assert signature(reply["token"], reply["timestamp"], reply["nonce"], reply["encrypt"]) == reply["msg_signature"]


def test_every_shared_check_of_the_address_is_answered_or_refused(vectors: Mapping) -> None:
    official = vectors["official"]["url_verification"]
    checked = gate(official["token"]).read(post("", official["query"], "GET"))
    assert checked.body.decode() == official["expect_body"]
    for row in vectors["generated"]["url_verification"]:
        request = post("", row["query"], "GET")
        if row["expect"]["status"] == 200:
            assert gate(row["token"]).read(request).body.decode() == row["expect"]["body"]
        else:
            with pytest.raises(CallbackRefused):
                gate(row["token"]).read(request)


def test_wecoms_check_of_the_address_is_answered_with_what_it_encrypted(vectors: Mapping) -> None:
    known, check = vectors["generated"]["wecom"]["account"], vectors["generated"]["wecom"]["url_verification"]
    settings = CallbackSettings.model_validate(
        {"callback_token": known["token"], "encoding_aes_key": known["encoding_aes_key"]}
    )
    opened = open_gate(settings, provider="wechat.test", receive_id=known["corpid"], all_sealed=True)

    assert opened.read(post("", check["query"], "GET")).body.decode() == check["expect"]["body"]
    with pytest.raises(CallbackRefused):
        opened.read(post("", {**check["query"], "nonce": "1"}, "GET"))


def test_every_shared_negative_is_refused(vectors: Mapping) -> None:
    for row in vectors["generated"]["negative"]:
        with pytest.raises(CallbackRefused):
            gate_of(vectors, row["account"]).read(post(row["body"], row["query"]))


CONTACT_KINDS = {
    "subscribe": "followed",
    "unsubscribe": "unfollowed",
    "scan": "scanned",
    "click": "tapped",
    "view": "viewed",
}


def check(expected: Mapping, told: Callback, name: str) -> None:
    """Compare what was understood with what the shared vectors expect, kind by kind."""
    kind = expected["kind"]
    if kind == "text":
        (reply,) = told.replies
        assert reply.text == expected["content"]
        assert expected.get("msg_id", "") in reply.key
        assert (reply.window.messages, reply.window.lasts) == (5, timedelta(hours=48))  # type: ignore[union-attr]
    elif kind in CONTACT_KINDS:
        (contact,) = told.contacts
        assert contact.kind == CONTACT_KINDS[kind]
        assert contact.detail == (expected.get("scene") or expected.get("key") or expected.get("url"))
        assert (contact.window is None) == (kind in ("unsubscribe", "view"))
    elif kind in ("subscribe_consent", "subscribe_revoke"):
        words = {"given": "accept", "declined": "reject", "withdrawn": "reject"}
        assert [[each.template_code, words[each.kind]] for each in told.grants] == expected["items"]
        assert kind == "subscribe_consent" or {each.kind for each in told.grants} == {"withdrawn"}
    else:
        (report,) = told.reports
        assert report.provider_ref == expected["msg_id"], name
        partly = expected.get("total") != expected.get("sent")
        delivered = ReportStatus.ACCEPTED if partly else ReportStatus.DELIVERED
        assert report.status is (delivered if expected["outcome"] == "delivered" else ReportStatus.FAILED), name
    assert told.body == b"success"


def test_every_shared_event_says_what_it_says_plain_sealed_and_as_json(vectors: Mapping) -> None:
    for row in vectors["plaintext_events"]:
        check(row["expect"], read(row["xml"]), row["name"])
    for row in vectors["generated"]["plaintext_mode_posts"]:
        known = account(vectors, row["account"])
        check(row["expect"], gate(known["token"], None).read(post(row["body"], row["query"])), row["name"])
    for row in vectors["generated"]["encrypted_callbacks"]:
        check(row["expect"], gate_of(vectors, row["account"]).read(post(row["body"], row["query"])), row["name"])
    for row in vectors["plaintext_events_json"]:
        items = row["json"]["List"]
        told = read(json.dumps(row["json"]))
        assert len(told.grants) + len(told.reports) == (len(items) if isinstance(items, list) else 1)


# The gate


def test_a_sealed_push_of_ours_is_read_in_xml_and_in_json() -> None:
    for as_json in (False, True):
        (contact,) = gate().read(sealed(event("subscribe"), as_json=as_json)).contacts
        assert (contact.kind, contact.address) == ("followed", OPENID)


def test_in_compatible_mode_only_what_is_encrypted_counts() -> None:
    inside = sealed(event("subscribe"))
    forged = inside.body.replace(b"<Encrypt>", b"<MsgType>event</MsgType><Event>unsubscribe</Event><Encrypt>")

    (contact,) = gate().read(CallbackRequest(method="POST", url=inside.url, headers={}, body=forged)).contacts

    assert contact.kind == "followed"


@pytest.mark.parametrize(
    "wrong",
    [
        sealed(event("subscribe"), token="another"),
        sealed(event("subscribe"), key=OTHER_KEY),
        sealed(event("subscribe"), app="wxanother"),
        plain(event("subscribe")),
        post(sealed(event("subscribe")).body, {}),
        post("", {"signature": "é" * 40, "timestamp": STAMP, "nonce": NONCE}, "GET"),
        post("", {f"p{number}": "x" for number in range(1000)}),
        CallbackRequest(method="POST", url="https://[x", headers={}, body=b""),
        CallbackRequest(method="POST", url="https://x/?signature=\ud800", headers={}, body=b"<xml/>"),
    ],
)
def test_a_push_that_is_not_the_accounts_is_refused(wrong: CallbackRequest) -> None:
    with pytest.raises(CallbackRefused):
        gate().read(wrong)


def test_without_a_token_or_with_the_key_missing_nothing_is_taken() -> None:
    silent = open_gate(CallbackSettings(), provider="wechat.test", receive_id=APP)
    for opened, request in ((silent, plain(event("subscribe"))), (gate(key=None), sealed(event("subscribe")))):
        with pytest.raises(CallbackRefused):
            opened.read(request)


def test_while_keys_change_the_old_one_is_good_too_and_the_answer_takes_the_one_that_came() -> None:
    opened = gate(key=OTHER_KEY, previous_encoding_aes_key=KEY, automatic_reply="已收到 <3")
    for key in (OTHER_KEY, KEY):
        words = event("", "<Content>退订</Content><MsgId>1</MsgId>", kind="text")
        answer = ElementTree.fromstring(opened.read(sealed(words, key=key)).body)
        encrypted = str(answer.findtext("Encrypt"))
        inner = ElementTree.fromstring(MessageKey(key, APP).decrypt(encrypted))
        assert (inner.findtext("ToUserName"), inner.findtext("Content")) == (OPENID, "已收到 <3")
        expected = signature(TOKEN, str(answer.findtext("TimeStamp")), str(answer.findtext("Nonce")), encrypted)
        assert answer.findtext("MsgSignature") == expected


def test_an_automatic_reply_goes_out_plain_in_plain_mode_and_to_words_only() -> None:
    opened = gate(key=None, automatic_reply="已收到")
    told = opened.read(plain(event("", "<Content>好</Content><MsgId>1</MsgId>", kind="text")))

    assert ElementTree.fromstring(told.body).findtext("Content") == "已收到"
    assert opened.read(plain(event("subscribe"))).body == b"success"


def test_a_push_older_than_the_account_allows_is_refused() -> None:
    now = str(int(time.time()))
    query = {"signature": signature(TOKEN, now, NONCE), "timestamp": now, "nonce": NONCE}
    opened = gate(key=None, callback_max_age=600)

    assert opened.read(post(event("subscribe"), query)).contacts
    for late in (plain(event("subscribe")), post(event("subscribe"), {**query, "timestamp": "soon"})):
        with pytest.raises(CallbackRefused):
            opened.read(late)


@pytest.mark.parametrize("key", ["", "short", "é" * 43, "A" * 44])
def test_a_key_of_another_form_is_no_setting_and_is_not_repeated(key: str) -> None:
    with pytest.raises(ValueError, match="encoding_aes_key") as refused:
        CallbackSettings.model_validate({"encoding_aes_key": key})
    assert not key or f"'{key}'" not in repr(refused.value.errors(include_input=False))


def test_neither_token_nor_key_is_ever_shown() -> None:
    opened = gate()
    shown = repr(opened) + repr(CallbackSettings.model_validate({"callback_token": TOKEN, "encoding_aes_key": KEY}))
    assert TOKEN not in shown and KEY not in shown


def test_of_two_thousand_forged_pushes_none_is_taken() -> None:
    die = random.Random(7)
    good = sealed(event("subscribe"))
    query = dict(parse_qsl(urlsplit(good.url).query))
    for _ in range(2000):
        name = die.choice(["msg_signature", "timestamp", "nonce"])
        place = die.randrange(len(query[name]))
        other = die.choice([each for each in "0123456789" if each != query[name][place]])
        changed = {**query, name: query[name][:place] + other + query[name][place + 1 :]}
        with pytest.raises(CallbackRefused):
            gate().read(post(good.body, changed))


@given(body=binary(max_size=300) | text(max_size=300).map(lambda words: words.encode("utf-8", "surrogatepass")))
def test_whatever_is_posted_is_refused_by_name_or_read(body: bytes) -> None:
    with contextlib.suppress(CallbackRefused):
        assert gate(key=None).read(plain(body)).body == b"success"
    with contextlib.suppress(CallbackRefused):
        gate().read(post(body, {"encrypt_type": "aes", "msg_signature": "0" * 40}))


json_values = recursive(
    none() | booleans() | integers() | floats() | text(), lambda inner: lists(inner) | dictionaries(text(), inner)
)


@given(
    fields=dictionaries(
        sampled_from(
            ["ToUserName", "FromUserName", "CreateTime", "MsgType", "Event", "List", "MsgID", "Status", "OpenID"]
        ),
        json_values | sampled_from(["event", "text", "subscribe", "subscribe_msg_sent_event", "MASSSENDJOBFINISH"]),
    )
)
def test_fields_of_any_kind_are_read_without_an_error_of_ours(fields: dict) -> None:
    with contextlib.suppress(CallbackRefused):
        told = gate(key=None).read(plain(json.dumps(fields)))
        assert keys(told) == keys(gate(key=None).read(plain(json.dumps(fields))))


# What repeats


def test_the_same_push_again_in_any_mode_gives_the_same_keys() -> None:
    item = "<List><TemplateId>T0</TemplateId><SubscribeStatusString>accept</SubscribeStatusString></List>"
    pushes = [
        event("subscribe"),
        event("", "<Content>好</Content><MsgId>1</MsgId>", kind="text"),
        event("", "<Content>好</Content>", kind="text"),
        event("subscribe_msg_popup_event", f"<SubscribeMsgPopupEvent>{item}</SubscribeMsgPopupEvent>"),
        event("TEMPLATESENDJOBFINISH", "<MsgID>7</MsgID><Status>failed:user block</Status>"),
    ]
    for words in pushes:
        assert keys(gate().read(sealed(words))) == keys(gate().read(sealed(words))) == keys(read(words)) != []
    every = [key for words in pushes for key in keys(read(words))]
    assert len(set(every)) == len(pushes)
    assert OPENID not in "".join(every)


def test_another_second_another_account_and_another_template_give_other_keys() -> None:
    item = "<List><TemplateId>{}</TemplateId><SubscribeStatusString>{}</SubscribeStatusString></List>"
    two = item.format("T0", "accept") + item.format("T1", "reject")
    allowed = event("subscribe_msg_popup_event", f"<SubscribeMsgPopupEvent>{two}</SubscribeMsgPopupEvent>")
    found = keys(read(allowed)) + keys(read(allowed.replace("1760000001", "1760000002")))
    found += keys(read(allowed.replace("gh_a1b2c3d4e5f6", "gh_another")))
    assert len(set(found)) == 6


def keys(told: Callback) -> list[str]:
    return [each.key for each in (*told.reports, *told.replies, *told.grants, *told.contacts)]


# What each event says


@pytest.mark.parametrize(
    ("status", "counts", "expected"),
    [
        ("send success", (10, 10), ReportStatus.DELIVERED),
        ("send success", (10, 9), ReportStatus.ACCEPTED),
        ("send success", ("", ""), ReportStatus.ACCEPTED),
        ("send fail", (10, 0), ReportStatus.FAILED),
        ("send fail", (10, 4), ReportStatus.ACCEPTED),
        ("err(40001)", (0, 0), ReportStatus.FAILED),
        ("err(40001)", ("", ""), ReportStatus.FAILED),
        ("send success", (0, 0), ReportStatus.FAILED),
        ("send success", (10, 0), ReportStatus.FAILED),
        ("something new", (10, 10), ReportStatus.ACCEPTED),
    ],
)
def test_a_mass_send_is_delivered_only_where_all_were_reached_and_failed_only_where_nobody_was(
    status: str, counts: tuple[object, object], expected: ReportStatus
) -> None:
    inner = f"<MsgID>34182</MsgID><Status>{status}</Status><TotalCount>{counts[0]}</TotalCount><SentCount>{counts[1]}</SentCount>"
    (report,) = read(event("MASSSENDJOBFINISH", inner)).reports
    code = f"{status}, to nobody" if (status, counts[1]) == ("send success", 0) else status
    assert (report.status, report.provider_ref, report.code) == (expected, "34182", code)


def test_an_undocumented_end_of_a_template_message_claims_nothing() -> None:
    (report,) = read(event("TEMPLATESENDJOBFINISH", "<MsgID>7</MsgID><Status>postponed</Status>")).reports
    assert report.status is ReportStatus.ACCEPTED


@pytest.mark.parametrize(
    ("name", "outer", "said", "expected"),
    [
        ("subscribe_msg_popup_event", "SubscribeMsgPopupEvent", "accept", ["given"]),
        ("subscribe_msg_popup_event", "SubscribeMsgPopupEvent", "reject", ["declined"]),
        ("subscribe_msg_change_event", "SubscribeMsgChangeEvent", "reject", ["withdrawn"]),
        # What the list of settings shows as allowed is no new permission.
        ("subscribe_msg_change_event", "SubscribeMsgChangeEvent", "accept", []),
        ("subscribe_msg_popup_event", "SubscribeMsgPopupEvent", "ban", []),
    ],
)
def test_a_members_word_on_a_template_is_kept_apart_from_their_other_words(
    name: str, outer: str, said: str, expected: list[str]
) -> None:
    item = f"<List><TemplateId>T0</TemplateId><SubscribeStatusString>{said}</SubscribeStatusString></List>"
    assert [each.kind for each in read(event(name, f"<{outer}>{item}</{outer}>")).grants] == expected


def test_a_member_who_takes_back_the_permission_to_be_known_is_named() -> None:
    words = event("user_authorization_revoke", f"<OpenID>{OPENID}</OpenID><AppID>{APP}</AppID>")
    (contact,) = read(words).contacts
    assert (contact.kind, contact.address) == ("forgotten", OPENID)


def test_an_event_nobody_knows_is_acknowledged_and_says_nothing() -> None:
    told = read(event("something_new"))
    assert (keys(told), told.body) == ([], b"success")


# Hostile texts


LAUGHS = (
    '<?xml version="1.0"?><!DOCTYPE l [<!ENTITY l0 "ha">'
    + "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 12))
    + "]><xml><Encrypt>&l11;</Encrypt></xml>"
)
HOSTILE = {
    "laughs": LAUGHS.encode(),
    "quadratic": f'<!DOCTYPE q [<!ENTITY a "{"a" * 30_000}">]><xml>{"&a;" * 10_000}</xml>'.encode(),
    "external": b'<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]><xml><Encrypt>&e;</Encrypt></xml>',
    "document type alone": b"<!DOCTYPE xml><xml><Encrypt>A</Encrypt></xml>",
    "document type with blanks": b"\n\n <!DOCTYPE\nxml SYSTEM 'http://x/'><xml/>",
    "utf-16": f'<?xml version="1.0" encoding="utf-16"?>{LAUGHS[21:]}'.encode("utf-16"),
    "utf-16 without mark": LAUGHS.encode("utf-16-le"),
    "utf-7": b'<?xml version="1.0" encoding="utf-7"?>+ADwAIQ-DOCTYPE x [<!ENTITY a "b">]><xml>&a;</xml>',
    "deep": b"<a>" * 200_000 + b"</a>" * 200_000,
    "deep and small": b"<a>" * 9 + b"</a>" * 9,
    "deep and just small enough to be read": (b"<a>" * (LARGEST // 7) + b"</a>" * (LARGEST // 7)),
    "wide": b"<xml>" + b"<a/>" * 16_000 + b"</xml>",
    "many names": b"<xml>" + b"".join(b"<a%d/>" % n for n in range(7000)) + b"</xml>",
    "attributes": b"<xml " + b" ".join(b'a%d="1"' % n for n in range(6000)) + b"/>",
    "ten megabytes": b"<xml><a>" + b"x" * 10_000_000 + b"</a></xml>",
    "ten megabytes of JSON": b'{"a":"' + b"x" * 10_000_000 + b'"}',
    "deep JSON": b'{"a":' * 12_000,
    "deep list": b'{"a":' + b"[" * 60_000,
    "long number": b'{"a":' + b"9" * 60_000 + b"}",
    "half a character": b'{"FromUserName":"\\ud800"}',
    "zero": b'{"FromUserName":"\\u0000"}',
    "instruction": b"<?php evil() ?><xml/>",
    "nothing": b"",
    "no XML": b"hello",
    "no end": b"<xml><a>",
    "bytes": bytes(range(256)),
}


@pytest.mark.parametrize("name", HOSTILE)
@pytest.mark.parametrize("mode", ["sealed", "plain"])
def test_hostile_text_is_refused_within_the_time_that_is_promised(name: str, mode: str) -> None:
    query = {"encrypt_type": "aes", "msg_signature": "0" * 40} if mode == "sealed" else {}
    signed = {"signature": signature(TOKEN, STAMP, NONCE), "timestamp": STAMP, "nonce": NONCE}
    opened = gate(key=KEY if mode == "sealed" else None)
    begun = time.perf_counter()

    with pytest.raises(CallbackRefused):
        opened.read(post(HOSTILE[name], {**signed, **query}))

    assert time.perf_counter() - begun < PROMISED * GENEROUS


def test_what_is_refused_for_its_form_is_not_repeated_in_the_reason() -> None:
    with pytest.raises(Unreadable) as refused:
        read_fields(b"<secret-words")
    assert "secret" not in str(refused.value)
