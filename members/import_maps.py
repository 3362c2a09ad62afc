"""Which column of a file is which of our fields: map files, and the headers understood without one."""

import json
from pathlib import Path
from typing import Annotated, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, field_validator, model_validator

from language.documents import read_document, validate
from language.problems import refuse
from members.consent import NO_SOURCE, OUR_SOURCES
from members.mistakes import mistake
from members.text_files import WHITESPACE


def _column(value: object) -> object:
    is_place = isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= 1000
    if is_place or (isinstance(value, str) and 0 < len(value.strip()) <= 200):
        return value
    raise mistake(
        "a column's header was expected, in quotes where it is a word such as no, or its place counted from 1; found {found}",
        found=repr(value)[:80],
    )


#: A column by its header, or by its place, counted from 1, in a file without headers.
Column = Annotated[str | int, BeforeValidator(_column)]


class FileMap(BaseModel):
    """What every map may say about the file itself."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    delimiter: str | None = None  #: one character, ``tab``, ``whitespace`` for any run of blanks; None: found out

    @field_validator("delimiter")
    @classmethod
    def _is_a_delimiter(cls, value: str | None) -> str | None:
        if value is None:
            return None
        value = {"tab": "\t", "\\t": "\t"}.get(value, value)
        if value != WHITESPACE and (len(value) != 1 or value in '"\r\n\0'):
            raise mistake("a single character, tab or whitespace was expected; found {found}", found=repr(value)[:80])
        return value

    def fingerprint(self) -> str:
        """Return the same text for the same map, for the digest of an import."""
        return json.dumps(self.model_dump(mode="json"), sort_keys=True, ensure_ascii=False)


class ConsentMap(BaseModel):
    """What the consent columns' yes means: where it was given, and to which wording.  Both together are its proof."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    source: str | None = Field(default=None, min_length=1, max_length=200)  #: None: import
    text_version: str = Field(default="", max_length=200)

    @field_validator("source")
    @classmethod
    def _is_not_ours(cls, value: str | None) -> str | None:
        if value in OUR_SOURCES:
            raise mistake(NO_SOURCE, source=value)
        return value

    def is_proof(self) -> bool:
        """Say whether this tells where a yes was given and to what."""
        return self.source is not None and self.text_version != ""


class AccountsMap(BaseModel):
    """Whose the unionids and card numbers of a file are; needed where an installation has several."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    unionid: str = Field(default="", max_length=200)
    card: str = Field(default="", max_length=200)


#: Fields that hold a yes or no, and the channel it is for.
CONSENT_COLUMNS = {"consent_sms": "sms", "consent_email": "email", "consent_wechat": "wechat"}


class MemberMap(FileMap):
    """Our field on the left, the file's column on the right::

    key: 会员号
    name: 姓名
    phone: 手机
    attributes: {city: 城市}
    consent_sms: 短信同意
    consent: {source: member-card form, text_version: 2026-01}
    """

    key: Column | None = None
    name: Column | None = None
    language: Column | None = None
    time_zone: Column | None = None
    tier: Column | None = None
    birthday: Column | None = None
    lunar_birthday: Column | None = None
    joined_at: Column | None = None
    phone: Column | None = None
    email: Column | None = None
    openid: Column | None = None
    unionid: Column | None = None
    card: Column | None = None
    consent_sms: Column | None = None
    consent_email: Column | None = None
    consent_wechat: Column | None = None
    consent_at: Column | None = None  #: when the consents were given; None: when they are imported
    attributes: dict[str, Column] = Field(default_factory=dict, max_length=200)
    consent: ConsentMap = ConsentMap()
    accounts: AccountsMap = AccountsMap()

    @model_validator(mode="after")
    def _consents_have_their_proof(self) -> Self:
        told = [name for name in CONSENT_COLUMNS if getattr(self, name) is not None]
        if told and self.consent_at is None and not self.consent.is_proof():
            raise mistake(
                "a yes without its proof is none: with {column}, say consent: {{source: …, text_version: …}}, or map consent_at",
                column=told[0],
            )
        return self

    def columns(self) -> dict[str, str | int]:
        """Return the mapped fields with their columns, attributes as ``attributes.NAME``."""
        named = {name: getattr(self, name) for name in MEMBER_FIELDS}
        told = {name: column for name, column in named.items() if column is not None}
        return told | {f"attributes.{name}": column for name, column in self.attributes.items()}


NOT_COLUMNS = ("delimiter", "attributes", "consent", "accounts")
MEMBER_FIELDS = tuple(name for name in MemberMap.model_fields if name not in NOT_COLUMNS)


class KindColumn(BaseModel):
    """The kind of event stands in a column."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    column: Column


def _kind(value: object) -> object:
    if isinstance(value, str | KindColumn):
        return value
    return KindColumn.model_validate(value)


class EventMap(FileMap):
    """Our field on the left, the file's column on the right; ``kind`` is a constant or ``{column: …}``::

    member: 1
    occurred_at: 2
    value: 4
    kind: order.paid
    properties: {quantity: 3}
    delimiter: whitespace
    """

    member: Column = "member"
    occurred_at: Column = "occurred_at"
    kind: Annotated[str | KindColumn, BeforeValidator(_kind)] = KindColumn(column="kind")
    value: Column | None = None
    key: Column | None = None  #: None: the file's digest and the line, so that the same file counts once
    properties: dict[str, Column] = Field(default_factory=dict, max_length=200)

    def columns(self) -> dict[str, str | int]:
        """Return the mapped fields with their columns, properties as ``properties.NAME``."""
        told: dict[str, str | int] = {"member": self.member, "occurred_at": self.occurred_at}
        if isinstance(self.kind, KindColumn):
            told["kind"] = self.kind.column
        if self.value is not None:
            told["value"] = self.value
        if self.key is not None:
            told["key"] = self.key
        return told | {f"properties.{name}": column for name, column in self.properties.items()}


#: Headers understood without a map, in lower case, blanks and underscores left out.
KNOWN_HEADERS: dict[str, str] = {
    header: field
    for field, headers in {
        "key": "key memberno memberid membernumber memberkey customerid cardno 会员号 会员编号 会员id 会员卡号 卡号 编号",
        "name": "name fullname membername 姓名 会员姓名 名字 客户姓名",
        "language": "language lang 语言",
        "time_zone": "timezone 时区",
        "tier": "tier level grade 等级 会员等级 级别 会员级别",
        "birthday": "birthday birthdate dateofbirth dob 生日 出生日期 公历生日 阳历生日",
        "lunar_birthday": "lunarbirthday 农历生日 阴历生日",
        "joined_at": "joinedat joinedon joindate joined registeredat registeredon 入会日期 入会时间 注册日期 注册时间",
        "phone": "phone mobile phonenumber mobilenumber cellphone 手机 手机号 手机号码 电话 联系电话 移动电话",
        "email": "email mail emailaddress 邮箱 电子邮箱 电子邮件 邮件",
        "openid": "openid wechatopenid 微信openid",
        "unionid": "unionid wechatunionid 微信unionid",
        "card": "card cardnumber physicalcard 实体卡号",
    }.items()
    for header in headers.split()
}


def known_field(header: str) -> str | None:
    """Return the field a header means by itself, or None.  Consent is never guessed."""
    return KNOWN_HEADERS.get(_plain(header))


def _plain(header: str) -> str:
    return header.strip().lower().replace(" ", "").replace("_", "").replace("-", "")


CARDS = frozenset({"cardno", "卡号", "会员卡号"})


def mapped_by_header(header: list[str]) -> MemberMap:
    """Map the columns whose header is understood; the first of two alike wins.

    The number of a card is the member's key only where no other column is.
    """
    found: dict[str, str] = {}
    keys = [column for column in header if known_field(column) == "key"]
    cards = [column for column in keys if _plain(column) in CARDS] if len(keys) > 1 else []
    for column in header:
        field = "card" if column in cards and len(cards) < len(keys) else known_field(column)
        if field is not None:
            found.setdefault(field, column.strip())
    return MemberMap.model_validate(found)


def read_member_map(path: Path) -> MemberMap:
    """Read a map file for members.

    Raises:
        InputRefused: it cannot be read, or names fields there are not.
    """
    return validate(MemberMap, read_document(path))


def read_event_map(path: Path) -> EventMap:
    """Read a map file for events.

    Raises:
        InputRefused: it cannot be read, or names fields there are not.
    """
    return validate(EventMap, read_document(path))


def places(columns: dict[str, str | int], header: list[str] | None, *, file: str) -> dict[str, int]:
    """Return for every mapped field the index of its cell.

    Raises:
        InputRefused: a column is not in the header, or is named where the file has no header.
    """
    found: dict[str, int] = {}
    names = [name.strip() for name in header or []]
    for field, column in columns.items():
        if isinstance(column, int):
            found[field] = column - 1
        elif column in names:
            found[field] = names.index(column)
        else:
            listed = ", ".join(names)[:300]
            raise refuse(
                "there is no column {column}; the file has {listed}",
                file=file,
                line=1,
                field=field,
                column=column,
                listed=listed,
            )
    return found
