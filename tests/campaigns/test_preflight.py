"""A preflight says what a launch would do, and leaves no trace of having asked."""

import copy
import shutil
from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import text, update

from campaigns.accounts import Account
from campaigns.campaign import CampaignDefinition
from campaigns.launching import launch
from campaigns.preflight import Asked, Finding, Installation, Preflight, preflight
from campaigns.publishing import load_campaign, set_campaign_state
from campaigns.rules import Cap, PlanningRules, QuietHours, parse_quiet_hours
from channels.message import Message
from channels.objections import Objection
from channels.provider import Provider
from channels.registry import open_provider
from channels.sms.aliyun import AliyunSettings, AliyunSms
from database.engine import Database
from database.every_table import metadata
from database.tables import members, permissions, template_versions
from language.problems import InputRefused
from members.attributes import Attribute
from members.conditions import Condition
from members.consent import suppress
from members.definitions import save_definitions
from members.people import fingerprint
from templates.library import digest, load_library
from templates.text_messages import SignedBy
from tests.makers import NOON, SECRET, addresses_of, consent, make_campaign, make_members, make_segments

NOWHERE = "http://127.0.0.1:9"  #: nobody listens there, so a preflight that called anybody would be found out
ALIYUN: Mapping[str, object] = {
    "access_key_id": "a-key", "access_key_secret": "a-secret-of-some-length", "sign_name": "晨光生活",
    "template_codes": {"*": "SMS_1"}, "endpoint": NOWHERE,
}  # fmt: skip
TENCENT: Mapping[str, object] = {
    "secret_id": "an-id", "secret_key": "a-secret-of-some-length", "app_id": "1400000000", "sign_name": "晨光生活",
    "templates": {"*": {"id": "1", "variables": ["name", "season"]}}, "endpoint": NOWHERE,
}  # fmt: skip
WECHAT: Mapping[str, object] = {
    "app_id": "wx1",
    "app_secret": "a-secret-of-some-length",
    "template_ids": {"*": "T1"},
    "endpoint": NOWHERE,
}
EMAIL: Mapping[str, object] = {"host": "127.0.0.1", "port": 9, "security": "none", "sender_address": "crm@example.com"}


@pytest.fixture
def opened() -> Iterator[list[Provider]]:
    providers: list[Provider] = []
    yield providers
    for provider in providers:
        provider.close()


class Stage:
    """Asks preflights of the test's database, with accounts that can reach nobody."""

    def __init__(self, database: Database, opened: list[Provider]) -> None:
        self.database, self.opened = database, opened
        self.accounts: dict[str, Sequence[Account]] = {
            "sms": (self.account("sms.aliyun", ALIYUN),),
            "email": (self.account("email.smtp", EMAIL),),
            "wechat": (self.account("wechat.official_account", WECHAT),),
        }
        self.rules = PlanningRules(quiet_hours=None)
        self.signed_by = SignedBy.PROVIDER
        self.library = load_library()
        self.sensitive_words: tuple[str, ...] = ()

    def account(self, provider: str, settings: Mapping[str, object], **terms: object) -> Account:
        self.opened.append(open_provider(provider, settings))
        return Account(**{"name": provider, "provider": self.opened[-1], **terms})  # type: ignore[arg-type]

    def ask(self, **asked: object) -> Preflight:
        installation = Installation(
            accounts=self.accounts,
            library=self.library,
            rules=self.rules,
            secret=SECRET,
            public_url="http://127.0.0.1:8300",
            signed_by=self.signed_by,
            zone=ZoneInfo("Asia/Shanghai"),
            sensitive_words=self.sensitive_words,
        )
        return preflight(self.database, Asked(**{"name": "new-season", **asked}), installation, now=NOON)  # type: ignore[arg-type]


@pytest.fixture
def stage(database: Database, opened: list[Provider]) -> Stage:
    return Stage(database, opened)


def everything(database: Database) -> dict[str, list[str]]:
    """Read every row of every table, and which transaction wrote it."""
    with database.transaction() as connection:
        return {
            table.name: [
                str(row) for row in connection.execute(text(f"SELECT xmin, t.* FROM {table.name} t ORDER BY 2"))
            ]
            for table in metadata.sorted_tables
        }


def stops(found: Preflight) -> list[str]:
    return [str(finding.problem) for finding in found.findings if finding.stops]


def only(found: Preflight, words: str) -> Finding:
    (finding,) = [finding for finding in found.findings if words in str(finding.problem)]
    return finding


def test_the_figures_are_those_of_the_launch_that_follows(database: Database, stage: Stage) -> None:
    stage.rules = PlanningRules(quiet_hours=None, caps=(Cap(count=1, per=timedelta(days=1)),))
    with database.transaction() as connection:
        ids = make_members(connection, 60)
        make_members(connection, 5, channels=("email",), start=100)
        make_members(connection, 4, consenting=False, start=200)
        consent(connection, ids[:3], ["sms"], granted=False, now=NOON - timedelta(days=1))
        suppress(
            connection,
            "sms",
            [fingerprint(SECRET, "sms", addresses_of("m5")["sms"])],
            reason="hard_bounce",
            source="test",
            now=NOON,
        )
        make_campaign(connection, control={"share": 0.3})

    found = stage.ask()
    with database.transaction() as connection:
        launched = launch(
            connection, load_campaign(connection, "new-season"), occasion="real", now=NOON, rules=stage.rules
        )

    assert launched is not None
    assert (found.considered, found.messages, found.withheld) == (
        69,
        launched.planned.waiting,
        launched.planned.withheld,
    )
    assert {group.reason: group.members for group in found.refused} == launched.planned.refused
    assert {group.reason: group.members for group in found.refused} == {
        "no_address": 5,
        "no_consent": 7,
        "suppressed": 1,
    }
    assert found.withheld > 5 and found.could_go


def test_every_table_is_as_it_was_down_to_the_transaction_that_wrote_each_row(database: Database, stage: Stage) -> None:
    with database.transaction() as connection:
        make_members(connection, 20)
        make_campaign(connection, channels=["wechat", "sms", "email"], control={"share": 0.5})
    before = everything(database)

    stage.ask()
    stage.ask(
        definition=CampaignDefinition(campaign="unheard-of", template="new-season", channels=("sms",)),
        name="unheard-of",
    )

    assert everything(database) == before
    assert before["sends"] == before["assignments"] == before["launches"] == []


def test_a_campaign_file_is_looked_at_as_if_it_had_been_applied(database: Database, stage: Stage) -> None:
    with database.transaction() as connection:
        make_members(connection, 3)

    found = stage.ask(
        name="spring", definition=CampaignDefinition(campaign="spring", template="new-season", channels=("email",))
    )

    assert (found.campaign, found.messages, [channel.channel for channel in found.channels]) == ("spring", 3, ["email"])


def test_a_definition_that_cannot_be_applied_is_refused_and_nothing_is_kept(database: Database, stage: Stage) -> None:
    with pytest.raises(InputRefused, match="no template"):
        stage.ask(
            name="spring", definition=CampaignDefinition(campaign="spring", template="no-such", channels=("email",))
        )

    assert everything(database)["campaigns"] == []


def test_members_are_named_by_three_keys_for_each_reason_and_never_by_address(database: Database, stage: Stage) -> None:
    with database.transaction() as connection:
        make_members(connection, 9)
        make_members(connection, 7, channels=("email",), start=100)
        make_campaign(connection)
    stage.sensitive_words = ("会员",)

    found = stage.ask()

    (group,) = found.refused
    assert (group.reason, group.members, group.examples) == ("no_address", 7, ("m100", "m101", "m102"))
    finding = only(found, "会员")
    assert (finding.count, len(finding.examples), finding.stops) == (9, 3, False)
    assert not any(address in repr(found) for key in ("m1", "m100") for address in addresses_of(key).values())


def test_the_cost_is_parts_of_real_words_times_the_accounts_own_prices(database: Database, stage: Stage) -> None:
    prices = {"86": Decimal("0.04"), "*": Decimal("0.5")}
    stage.accounts["sms"] = (
        stage.account("sms.aliyun", ALIYUN, prices=prices, weight=300),
        stage.account("sms.aliyun", ALIYUN, prices={"*": Decimal("0.08")}, weight=100, name="sms.aliyun.backup"),
    )
    with database.transaction() as connection:
        make_members(connection, 10)
        make_members(connection, 10, start=100, language="en")
        make_campaign(connection)

    found = stage.ask()

    (channel,) = found.channels
    by_language = {wording.language: wording for wording in channel.words}
    assert {language: wording.members for language, wording in by_language.items()} == {"zh": 10, "en": 10}
    total = Decimal(str(sum(wording.parts * wording.members for wording in channel.words)))
    most = max(wording.most_parts for wording in channel.words)
    assert by_language["en"].parts > by_language["zh"].parts >= 1
    assert [account.likely for account in channel.accounts] == [total * Decimal("0.04"), total * Decimal("0.08")]
    assert [account.share for account in channel.accounts] == [0.75, 0.25]
    assert found.cost.likely == total * Decimal("0.05")
    assert found.cost.least == total * Decimal("0.04")
    assert found.cost.most == 20 * most * Decimal("0.08")


def test_a_sample_is_carried_over_to_all_messages_and_is_the_same_every_time(database: Database, stage: Stage) -> None:
    with database.transaction() as connection:
        make_members(connection, 40)
        make_campaign(connection)

    (first,), (second,) = stage.ask(sample=10).channels, stage.ask(sample=10).channels

    assert (first.sampled, first.written, first.messages) == (10, 10, 40)
    assert first.cost == second.cost
    assert first.cost.likely == 40 * first.accounts[0].each > 0


def test_for_whom_no_words_can_be_written_is_counted_with_the_reason_and_costs_nothing(
    database: Database, stage: Stage
) -> None:
    with database.transaction() as connection:
        ids = make_members(connection, 8)
        campaign = make_campaign(connection)
        content: dict[str, Any] = copy.deepcopy(dict(campaign.template_content))
        content["parts"]["sms"]["zh"]["text"] = "尊敬的{{ tier }}会员，{{ season }}到店 拒收请回复R"
        connection.execute(update(template_versions).values(content=content, digest=digest(content)))
        connection.execute(update(members).where(members.c.id.in_(ids[2:])).values(tier="gold"))
        connection.execute(update(members).where(members.c.id == ids[7]).values(attributes={"season": "春装" * 300}))

    found = stage.ask()

    (channel,) = found.channels
    assert (channel.sampled, channel.written) == (8, 5)
    assert channel.unwritten == {"words:missing_fact:tier": 2, "words:words_too_long": 1}
    missing = only(found, "missing_fact:tier")
    assert (missing.count, missing.stops, set(missing.examples)) == (2, False, {"m1", "m2"})
    assert found.cost.likely == channel.accounts[0].most / 8 * 5
    assert found.could_go


def test_words_that_can_be_written_for_nobody_stop_it(database: Database, stage: Stage) -> None:
    with database.transaction() as connection:
        make_members(connection, 3, attributes={"season": "春装" * 300})
        make_campaign(connection)

    assert stops(stage.ask()) == ["no words can be written: words:words_too_long"]


@pytest.mark.parametrize(
    ("provider", "settings", "words"),
    [
        ("sms.aliyun", {**ALIYUN, "template_codes": {"welcome": "SMS_1"}}, "no approved template"),
        ("sms.tencent", {**TENCENT, "templates": {"welcome": {"id": "1"}}}, "no approved template"),
        ("sms.tencent", {**TENCENT, "templates": {"*": {"id": "1", "variables": ["code"]}}}, "lacks a variable"),
        (
            "sms.kannel",
            {"endpoint": NOWHERE, "username": "u", "password": "a-secret", "most_parts": 1},
            "more parts than",
        ),
    ],
)
def test_what_an_account_would_refuse_of_everybody_stops_the_campaign_and_nobody_is_called(
    database: Database, stage: Stage, provider: str, settings: Mapping[str, object], words: str
) -> None:
    stage.accounts["sms"] = (stage.account(provider, settings),)
    with database.transaction() as connection:
        make_members(connection, 5)
        make_campaign(connection)

    found = stage.ask()

    finding = only(found, words)
    assert (finding.channel, finding.account, finding.count, finding.stops) == ("sms", provider, 5, True)
    assert not found.could_go


def test_what_only_the_provider_knows_for_sure_is_told_and_stops_nothing(database: Database, stage: Stage) -> None:
    stage.accounts["sms"] = (stage.account("sms.tencent", TENCENT),)
    with database.transaction() as connection:
        make_members(connection, 5, name="欧阳一二三四五")
        make_campaign(connection)

    found = stage.ask()

    assert only(found, "the variable name has more than 6").count == 5
    assert found.could_go


def test_two_reasons_that_leave_nobody_any_words_stop_it_together(database: Database, stage: Stage) -> None:
    with database.transaction() as connection:
        ids = make_members(connection, 4, tier="gold")
        campaign = make_campaign(connection)
        content: dict[str, Any] = copy.deepcopy(dict(campaign.template_content))
        content["parts"]["sms"]["zh"]["text"] = "尊敬的{{ tier }}会员，{{ season }}到店 拒收请回复R"
        connection.execute(update(template_versions).values(content=content, digest=digest(content)))
        connection.execute(update(members).where(members.c.id.in_(ids[:2])).values(tier=None))
        connection.execute(update(members).where(members.c.id.in_(ids[2:])).values(attributes={"season": "春装" * 300}))

    found = stage.ask()

    assert found.channels[0].unwritten == {"words:missing_fact:tier": 2, "words:words_too_long": 2}
    assert sorted(stops(found)) == [
        "no words can be written: words:missing_fact:tier",
        "no words can be written: words:words_too_long",
    ]
    assert not found.could_go


class Particular(AliyunSms):
    """An account that has one thing against half of the members, another against the others, and one of no weight."""

    def __init__(self, *, surely: bool = True, spares: str = "") -> None:
        super().__init__(AliyunSettings.model_validate(ALIYUN))
        self.surely, self.spares = surely, spares

    def objections(self, message: Message) -> Sequence[Objection]:
        if message.address == self.spares:
            return []
        is_odd = message.address[-1] in "13579"
        found = Objection(sentence="odd numbers" if is_odd else "even numbers", surely=is_odd or self.surely)
        return [found, Objection(sentence="whatever", surely=False)]


@pytest.mark.parametrize(
    ("surely", "spares", "weight", "stopping"),
    [
        (True, "", 100, ["even numbers", "odd numbers"]),
        (False, "", 100, []),
        (True, addresses_of("m4")["sms"], 100, []),
        (True, "", 0, []),
    ],
)
def test_two_sure_reasons_of_an_account_that_leave_it_nobody_stop_it_together(
    database: Database, stage: Stage, surely: bool, spares: str, weight: int, stopping: list[str]
) -> None:
    particular = Particular(surely=surely, spares=spares)
    stage.opened.append(particular)
    account = Account(name="sms.particular", provider=particular, weight=weight)
    stage.accounts["sms"] = (*stage.accounts["sms"], account)
    with database.transaction() as connection:
        make_members(connection, 6)
        make_campaign(connection)

    found = stage.ask()

    assert sorted(stops(found)) == stopping
    assert found.could_go is (stopping == [])
    assert only(found, "odd numbers").count == 3 and only(found, "whatever").count == (5 if spares else 6)


def test_an_account_that_stands_by_stops_nothing(database: Database, stage: Stage) -> None:
    unfit = stage.account("sms.aliyun", {**ALIYUN, "template_codes": {}}, weight=0, name="sms.aliyun.backup")
    stage.accounts["sms"] = (*stage.accounts["sms"], unfit)
    with database.transaction() as connection:
        make_members(connection, 5)
        make_campaign(connection)

    found = stage.ask()

    assert only(found, "no approved template").account == "sms.aliyun.backup"
    assert found.could_go


@pytest.mark.parametrize(
    ("signed_by", "stopped"), [(SignedBy.WORDS, True), (SignedBy.PROVIDER, False), (SignedBy.ANYONE, False)]
)
def test_text_messages_that_nobody_signs_stop_the_campaign(
    database: Database, stage: Stage, signed_by: SignedBy, stopped: bool
) -> None:
    stage.signed_by = signed_by
    with database.transaction() as connection:
        make_members(connection, 2)
        make_campaign(connection)

    assert any("no 【signature】" in said for said in stops(stage.ask())) is stopped


def test_a_way_that_forbids_marketing_stops_it_and_lets_service_messages_go(database: Database, stage: Stage) -> None:
    stage.accounts["wechat"] = (stage.account("wechat.official_account", {**WECHAT, "ways": {"*": "template"}}),)
    with database.transaction() as connection:
        make_members(connection, 2)
        make_campaign(connection, channels=["wechat"])
        make_campaign(connection, campaign="notice", channels=["wechat"], purpose="service")

    assert "WeChat forbids marketing in template messages; use a subscription notice or a mass send" in stops(
        stage.ask()
    )
    assert stage.ask(name="notice").could_go


def test_a_notice_that_a_member_allowed_no_more_of_is_counted(database: Database, stage: Stage) -> None:
    with database.transaction() as connection:
        make_members(connection, 4)
        make_campaign(connection, channels=["wechat"])
        told = {
            "provider": "wechat.official_account",
            "channel": "wechat",
            "template_code": "T1",
            "occurred_at": NOON,
            "received_at": NOON,
        }
        marks = [fingerprint(SECRET, "wechat", addresses_of(key)["wechat"]) for key in ("m1", "m2")]
        rows = [
            {**told, "key": f"k{number}", "fingerprint": mark, "kind": kind}
            for number, (mark, kind) in enumerate(zip(marks, ("withdrawn", "given"), strict=True))
        ]
        connection.execute(permissions.insert(), rows)

    finding = only(stage.ask(), "nothing is left")

    assert (finding.count, finding.examples, finding.stops) == (1, ("m1",), False)


@pytest.mark.parametrize(("weight", "could_go"), [(100, False), (0, True)])
def test_a_notice_that_nobody_who_has_words_allows_any_more_stops_what_does_not_stand_by(
    database: Database, stage: Stage, weight: int, could_go: bool
) -> None:
    unfit = stage.account("wechat.official_account", WECHAT, name="wechat.unfit", weight=weight)
    fit = stage.account("wechat.official_account", {**WECHAT, "template_ids": {"*": "T2"}})
    stage.accounts["wechat"] = (fit, unfit)
    with database.transaction() as connection:
        make_members(connection, 2)
        make_campaign(connection, channels=["wechat"])
        told = {"provider": "wechat.official_account", "channel": "wechat", "template_code": "T1", "kind": "withdrawn"}
        connection.execute(
            permissions.insert(),
            [
                {**told, "key": key, "fingerprint": fingerprint(SECRET, "wechat", addresses_of(key)["wechat"]), "occurred_at": NOON, "received_at": NOON}
                for key in ("m1", "m2")
            ],
        )  # fmt: skip

    found = stage.ask()

    assert only(found, "nothing is left").account == "wechat.unfit"
    assert found.could_go is could_go


def test_pace_and_quota_say_how_long_it_takes_and_how_many_would_be_too_late(database: Database, stage: Stage) -> None:
    stage.accounts["sms"] = (
        stage.account("sms.aliyun", ALIYUN, per_second=0.2, per_day=6),
        stage.account("sms.aliyun", ALIYUN, per_second=0.3, per_day=4, name="sms.aliyun.backup"),
    )
    with database.transaction() as connection:
        connection.execute(
            text(
                "INSERT INTO accounts (name, quota_day, used) VALUES ('sms.aliyun', '2026-08-03', 5), ('sms.aliyun.backup', '2026-08-02', 4)"
            )
        )
        make_members(connection, 30)
        make_campaign(connection, expires_after="1d")

    found = stage.ask()

    pace = found.channels[0].pace
    assert pace is not None
    assert (pace.per_second, pace.takes) == (0.5, timedelta(seconds=60))
    assert (pace.left, pace.per_day, pace.days) == (5, 10, 4)
    assert pace.late == 15
    assert "room for 5 of 30 messages on the first day" in str(only(found, "quotas").problem)
    assert "15 messages would be given up" in str(only(found, "given up").problem)


def test_the_quota_of_a_day_on_which_nothing_went_so_far_is_whole(database: Database, stage: Stage) -> None:
    stage.accounts["sms"] = (stage.account("sms.aliyun", ALIYUN, per_day=6),)
    stage.rules = PlanningRules(quiet_hours=parse_quiet_hours("11:00-13:00"))
    later = CampaignDefinition(
        campaign="later", template="new-season", channels=("sms",), quiet_hours=parse_quiet_hours("11:00-09:00")
    )
    with database.transaction() as connection:
        connection.execute(text("INSERT INTO accounts (name, quota_day, used) VALUES ('sms.aliyun', '2026-08-03', 5)"))
        make_members(connection, 8)

    today = stage.ask(name="today", definition=later.model_copy(update={"campaign": "today", "quiet_hours": "default"}))
    tomorrow = stage.ask(name="later", definition=later)

    assert [
        each.channels[0].pace and (each.channels[0].pace.left, each.channels[0].pace.days) for each in (today, tomorrow)
    ] == [(1, 3), (6, 2)]


def test_a_throttle_and_quiet_hours_show_in_the_first_and_last_turn(database: Database, stage: Stage) -> None:
    with database.transaction() as connection:
        make_members(connection, 6)
        make_members(connection, 4, start=100, time_zone="America/New_York")
        make_campaign(connection, throttle=2)
    stage.rules = PlanningRules(quiet_hours=parse_quiet_hours("21:00-09:00"))

    quiet = stage.ask(
        definition=CampaignDefinition(campaign="quiet", template="new-season", channels=("sms",)), name="quiet"
    ).channels[0]
    throttled = stage.ask().channels[0]

    assert isinstance(stage.rules.quiet_hours, QuietHours)
    assert (quiet.messages, quiet.quiet, quiet.first_at, quiet.last_at) == (10, 4, NOON, NOON + timedelta(hours=9))
    assert throttled.quiet == 0 and throttled.pace is not None
    assert (throttled.first_at, throttled.pace.spread) == (NOON, timedelta(seconds=9 * 30))


def test_an_account_in_trouble_is_named(database: Database, stage: Stage) -> None:
    with database.transaction() as connection:
        connection.execute(text("INSERT INTO accounts (name, trips) VALUES ('sms.aliyun', 2)"))
        make_members(connection, 2)
        make_campaign(connection)

    finding = only(stage.ask(), "in trouble")

    assert (finding.account, finding.stops) == ("sms.aliyun", False)


@pytest.mark.parametrize("state", ["paused", "cancelled"])
def test_a_campaign_that_cannot_be_launched_is_planned_all_the_same_and_told(
    database: Database, stage: Stage, state: str
) -> None:
    with database.transaction() as connection:
        make_members(connection, 2)
        make_campaign(connection)
        set_campaign_state(connection, "new-season", state)

    found = stage.ask()

    assert (found.messages, found.state) == (2, state)
    assert stops(found) == [f"campaign new-season is {state} and cannot be launched"]


def test_nobody_to_send_to_stops_it(database: Database, stage: Stage) -> None:
    with database.transaction() as connection:
        make_campaign(connection)
    assert stops(stage.ask()) == ["there is nobody in the audience"]

    with database.transaction() as connection:
        make_members(connection, 3, channels=("email",))
    assert stops(stage.ask()) == ["nobody in the audience would be sent anything"]


def test_a_campaign_of_a_journey_says_so_and_may_be_narrowed_to_a_segment(database: Database, stage: Stage) -> None:
    with database.transaction() as connection:
        make_members(connection, 4, tier="gold")
        make_members(connection, 3, start=100)
        make_segments(connection, gold=Condition.model_validate({"member": {"tier": {"eq": "gold"}}}))
        make_campaign(connection)

    everybody, gold = stage.ask(), stage.ask(segment="gold")

    assert only(everybody, "names no audience").stops is False
    assert (everybody.considered, gold.considered) == (7, 4)
    assert not any("names no audience" in str(finding.problem) for finding in gold.findings)
    with pytest.raises(InputRefused):
        stage.ask(segment="no-such")


def test_a_template_that_changed_since_is_told(database: Database, stage: Stage) -> None:
    with database.transaction() as connection:
        make_members(connection, 1)
        campaign = make_campaign(connection)
        changed = {**campaign.template_content, "title": {"zh": "旧", "en": "Old"}}
        connection.execute(update(template_versions).values(content=changed, digest=digest(changed)))

    assert only(stage.ask(), "has changed since").stops is False


@pytest.mark.parametrize("changed", [False, True])
def test_a_mail_is_warned_of_only_where_the_words_that_are_sent_are_the_ones_looked_at(
    database: Database, stage: Stage, tmp_path: Path, changed: bool
) -> None:
    copied = tmp_path / "templates" / "new-season"
    shutil.copytree(load_library().folder("new-season"), copied)
    sheet = copied / "template.yaml"
    sheet.write_text(sheet.read_text(encoding="utf-8").replace("https://", "http://"), encoding="utf-8")
    stage.library = load_library(copied.parent)
    assert [each.sentence for each in stage.library.warnings("new-season")] == ["the link {address} is not https"]
    with database.transaction() as connection:
        make_members(connection, 1)
        make_campaign(connection, channels=["email"])
        if not changed:
            content = stage.library.content("new-season")
            connection.execute(update(template_versions).values(content=content, digest=digest(content)))

    said = [str(finding.problem) for finding in stage.ask().findings]

    assert any("is not https" in each for each in said) is not changed
    assert any("has changed since" in each for each in said) is changed


@pytest.mark.parametrize("defined", [False, True])
def test_a_template_that_says_an_attribute_nobody_defined_is_warned_of_once(
    database: Database, stage: Stage, tmp_path: Path, defined: bool
) -> None:
    copied = tmp_path / "templates" / "new-season"
    shutil.copytree(load_library().folder("new-season"), copied)
    for language in ("zh", "en"):
        words = copied / f"sms.{language}.txt"
        words.write_text(words.read_text(encoding="utf-8").replace("{{ season }}", "{{ attributes.citty|default(season) }}"), encoding="utf-8")
    stage.library = load_library(copied.parent)
    with database.transaction() as connection:
        make_members(connection, 1)
        make_campaign(connection, channels=["sms"])
        if defined:
            save_definitions(connection, [Attribute(attribute="city", type="text")], now=NOON)
        content = stage.library.content("new-season")
        connection.execute(update(template_versions).values(content=content, digest=digest(content)))

    told = [finding for finding in stage.ask().findings if "defines no attribute" in finding.problem.sentence]

    assert [(str(finding.problem), finding.stops, finding.channel) for finding in told] == (
        [("the dictionary defines no attribute citty; did you mean city?", False, None)] if defined else []
    )


class Launching(AliyunSms):
    """An account that launches the campaign, once, while it is asked what it has against a message."""

    def __init__(self, database: Database) -> None:
        super().__init__(AliyunSettings.model_validate(ALIYUN))
        self.database, self.planned = database, 0

    def objections(self, message: Message) -> Sequence[Objection]:
        if not self.planned:
            with self.database.transaction() as connection:
                connection.execute(text("SET LOCAL lock_timeout = '500ms'"))
                campaign = load_campaign(connection, "new-season")
                launched = launch(
                    connection, campaign, occasion="real", now=NOON, rules=PlanningRules(quiet_hours=None)
                )
                self.planned = launched.considered if launched else 0
        return super().objections(message)


def test_while_words_are_tried_a_launch_need_not_wait(database: Database, stage: Stage) -> None:
    """What a preflight has planned would keep a launch waiting for as long as its transaction lasts."""
    launching = Launching(database)
    stage.opened.append(launching)
    stage.accounts["sms"] = (Account(name=launching.name, provider=launching),)
    with database.transaction() as connection:
        make_members(connection, 30)
        make_campaign(connection, control={"share": 0.5})

    found = stage.ask()

    assert launching.planned == found.considered == 30
    assert found.messages < 30


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("{{ season }}到店", "an advertising text must say how to stop it: 拒收请回复R, 退订 or STOP"),
        (
            "{{ season }}到店 拒收请回复X",
            "members are told to answer X, and such an answer stops nothing; write R, T, TD, N or STOP",
        ),
        (
            "{{ season }}【到店】 拒收请回复R",
            "in a mainland text message 【】 holds the signature: once, and at the very start",
        ),
    ],
)
def test_words_kept_from_before_a_rule_are_held_to_it(database: Database, stage: Stage, words: str, said: str) -> None:
    with database.transaction() as connection:
        make_members(connection, 1)
        campaign = make_campaign(connection)
        content: dict[str, Any] = copy.deepcopy(dict(campaign.template_content))
        content["parts"]["sms"]["zh"]["text"] = words
        connection.execute(update(template_versions).values(content=content, digest=digest(content)))

    assert said in stops(stage.ask())
