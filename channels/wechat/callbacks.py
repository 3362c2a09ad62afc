"""WeChat's requests to our callback address: who made them, what they say, and what they hear.

With a key entered only encrypted pushes are taken, in safe and in compatible mode alike; without one only
plain ones, whose signature does not cover what they say.

Source: https://developers.weixin.qq.com/doc/service/guide/dev/push/, read in November 2026; for WeCom
https://developer.work.weixin.qq.com/document/path/90930, read in November 2026.
"""

import hmac
import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from html import escape
from urllib.parse import parse_qs, urlsplit

from pydantic import BaseModel, Field, SecretStr, field_validator

from channels.errors import CallbackRefused
from channels.message import Callback, CallbackRequest
from channels.wechat.encryption import KEY_FORM, MessageKey, Undecipherable, sealed_answer, signature
from channels.wechat.events import read_push
from channels.wechat.fields import Unreadable, read_fields

RECEIVED = b"success"
MOST_PARAMETERS = 20


class CallbackSettings(BaseModel):
    """What an account's page on message push asks for, and what was entered there."""

    callback_token: SecretStr | None = None  #: signs the provider's pushes; None: pushes are refused
    #: The EncodingAESKey; None: pushes come in plain mode.
    encoding_aes_key: SecretStr | None = None
    #: The key before this one, for the time in which both are in use.
    previous_encoding_aes_key: SecretStr | None = None
    #: Seconds a push may be old by its own word; None: any age, for one told again changes nothing.
    callback_max_age: float | None = Field(default=None, gt=0)
    automatic_reply: str | None = Field(default=None, max_length=600)  #: to whatever members write; None: none

    @field_validator("encoding_aes_key", "previous_encoding_aes_key")
    @classmethod
    def _is_a_key(cls, key: SecretStr | None) -> SecretStr | None:
        if key is not None and not re.fullmatch(KEY_FORM, key.get_secret_value()):
            raise ValueError("an EncodingAESKey has 43 letters and digits")
        return key


@dataclass(frozen=True)
class Gate:
    """One account's callback address: what it lets in."""

    provider: str
    token: str | None = field(repr=False)
    keys: Sequence[MessageKey] = field(default=(), repr=False)
    max_age: float | None = None
    automatic_reply: str | None = None
    #: WeCom signs and encrypts everything, the check of the address included.
    all_sealed: bool = False

    def read(self, request: CallbackRequest) -> Callback:
        """Verify one request and translate it.

        Raises:
            CallbackRefused: its signature is wrong, or it is not to be understood.
        """
        try:
            return self._read(request)
        except (Undecipherable, Unreadable, UnicodeError) as error:
            said = str(error) if isinstance(error, Undecipherable | Unreadable) else "no text"
            raise CallbackRefused(f"the request cannot be read: {said}", provider=self.provider) from None

    def _read(self, request: CallbackRequest) -> Callback:
        if self.token is None:
            raise CallbackRefused("this account has no callback token", provider=self.provider)
        said = _parameters(request.url)
        self._check_age(said)
        if request.method != "POST":
            return Callback(body=self._checked_in(said), content_type="text/plain")
        words, key = self._words(said, request.body)
        told = read_push(read_fields(words), provider=self.provider)
        if told.replies and self.automatic_reply:
            body = self._answer(read_fields(words), said, key)
            return replace(told, body=body, content_type="text/xml")
        return replace(told, body=RECEIVED, content_type="text/plain")

    def _checked_in(self, said: Mapping[str, str]) -> bytes:
        """Return what the check of our address wants to hear."""
        echo = said.get("echostr", "")
        if self.all_sealed:
            self._verify(said, "msg_signature", echo)
            return self._decrypt(echo)[0]
        self._verify(said, "signature", None)
        return echo.encode()

    def _words(self, said: Mapping[str, str], body: bytes) -> tuple[bytes, MessageKey | None]:
        """Return what was pushed in clear, and the key it was sealed with."""
        sealed = self.all_sealed or said.get("encrypt_type", "raw") != "raw"
        if not sealed and self.keys:
            raise CallbackRefused("the push is not encrypted, and this account has a key", provider=self.provider)
        if not sealed:
            self._verify(said, "signature", None)
            return body, None
        if not self.keys:
            raise CallbackRefused("the push is encrypted; enter encoding_aes_key", provider=self.provider)
        encrypted = read_fields(body).get("Encrypt")
        if not isinstance(encrypted, str):
            raise CallbackRefused("the push holds nothing encrypted", provider=self.provider)
        self._verify(said, "msg_signature", encrypted)
        return self._decrypt(encrypted)

    def _decrypt(self, encrypted: str) -> tuple[bytes, MessageKey]:
        failure = Undecipherable("this account has no key")
        for key in self.keys:
            try:
                return key.decrypt(encrypted), key
            except Undecipherable as error:
                failure = error
        raise failure

    def _verify(self, said: Mapping[str, str], name: str, encrypted: str | None) -> None:
        expected = signature(self.token or "", said.get("timestamp", ""), said.get("nonce", ""), encrypted)
        if not hmac.compare_digest(expected.encode(), said.get(name, "").encode()):
            raise CallbackRefused("the signature is wrong", provider=self.provider)

    def _check_age(self, said: Mapping[str, str]) -> None:
        if self.max_age is None:
            return
        stamp = said.get("timestamp", "")
        if not (
            stamp.isascii() and stamp.isdigit() and len(stamp) < 11 and abs(time.time() - int(stamp)) <= self.max_age
        ):
            raise CallbackRefused("the request is too old", provider=self.provider)

    def _answer(self, push: Mapping[str, object], said: Mapping[str, str], key: MessageKey | None) -> bytes:
        member, account = str(push.get("FromUserName", "")), str(push.get("ToUserName", ""))
        stamp = str(int(time.time()))
        words = (
            f"<xml><ToUserName>{escape(member)}</ToUserName><FromUserName>{escape(account)}</FromUserName>"
            f"<CreateTime>{stamp}</CreateTime><MsgType>text</MsgType>"
            f"<Content>{escape(self.automatic_reply or '', quote=False)}</Content></xml>"
        ).encode()
        if key is None:
            return words
        nonce = "".join(each for each in said.get("nonce", "") if each.isalnum())
        return sealed_answer(words, key=key, token=self.token or "", timestamp=stamp, nonce=nonce)


def open_gate(settings: CallbackSettings, *, provider: str, receive_id: str, all_sealed: bool = False) -> Gate:
    """Return the gate of an account; ``receive_id`` is its app id, or WeCom's id of the company."""
    encoded = (settings.encoding_aes_key, settings.previous_encoding_aes_key)
    return Gate(
        provider=provider,
        token=settings.callback_token.get_secret_value() if settings.callback_token else None,
        keys=[MessageKey(each.get_secret_value(), receive_id) for each in encoded if each],
        max_age=settings.callback_max_age,
        automatic_reply=settings.automatic_reply,
        all_sealed=all_sealed,
    )


def _parameters(url: str) -> Mapping[str, str]:
    try:
        query = parse_qs(urlsplit(url).query, max_num_fields=MOST_PARAMETERS)
    except ValueError:
        raise Unreadable("its address is no address") from None
    return {name: values[0] for name, values in query.items()}
