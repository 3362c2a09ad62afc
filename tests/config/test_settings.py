"""Settings are read once, mistakes are told together, and secrets stay secret."""

import io
import json
import logging
from decimal import Decimal
from pathlib import Path

import pytest

from config.carriers import carriers, signed_by
from config.foundation import installation_secret, planning_rules
from config.logs import log_for, set_up_logs
from config.refusals import unknown_variables
from config.settings import Settings, read_settings
from config.spoken import preferred_language
from language.problems import InputRefused
from templates.text_messages import SignedBy


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("TIDINGS_FILE", raising=False)
    return tmp_path


def test_a_first_run_needs_no_settings(folder: Path) -> None:
    settings = read_settings()

    assert settings.database_url is None
    assert {choice.provider for choices in carriers(settings).values() for choice in choices} == {"sms.aliyun", "email.smtp", "wechat.official_account"}
    assert planning_rules(settings).default_zone == "Asia/Shanghai"


def test_the_environment_wins_over_the_file(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "tidings.toml").write_text('currency = "EUR"\n[prices]\nsms = 0.1\nemail = 0.2\n', encoding="utf-8")
    monkeypatch.setenv("TIDINGS_PRICES__SMS", "0.3")

    settings = read_settings()

    assert (settings.currency, float(settings.prices.sms), float(settings.prices.email)) == ("EUR", 0.3, 0.2)


def test_every_mistake_is_told_at_once_with_its_name_and_never_with_its_value(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "tidings.toml").write_text('time_zone = "Mars/Base"\ncolour = "red"\n[listen]\nport = "many"\n', encoding="utf-8")
    monkeypatch.setenv("TIDINGS_SECRET", "hunter2")
    monkeypatch.setenv("TIDINGS_PUBLIC_ULR", "x")

    with pytest.raises(InputRefused) as refused:
        read_settings()

    told = refused.value.told()
    assert {problem.field for problem in refused.value.problems} >= {"time_zone", "colour", "listen.port", "TIDINGS_SECRET", "TIDINGS_PUBLIC_ULR"}
    assert "hunter2" not in told
    assert "tidings.toml" in told


@pytest.mark.parametrize("secret", ["changeme", "default", "short", "CHANGE-ME"])
def test_a_worthless_secret_is_refused(folder: Path, monkeypatch: pytest.MonkeyPatch, secret: str) -> None:
    monkeypatch.setenv("TIDINGS_SECRET", secret)

    with pytest.raises(InputRefused):
        read_settings()


def test_a_providers_worthless_secret_and_wrong_settings_are_refused_by_name(folder: Path) -> None:
    chosen = {"provider": "sms.aliyun", "access_key_id": "id", "access_key_secret": "changeme", "speed": 7}

    with pytest.raises(InputRefused) as refused:
        carriers(Settings(providers={"sms": chosen}))  # type: ignore[dict-item]

    assert {problem.field for problem in refused.value.problems} >= {"providers.sms.access_key_secret", "providers.sms.speed", "providers.sms.sign_name"}
    assert "changeme" not in refused.value.told()


def test_secrets_do_not_show_in_printed_settings(folder: Path) -> None:
    settings = Settings(database_url="postgresql://u:canary@h/d", secret="canary" * 8, providers={"sms": {"provider": "sms.aliyun", "access_key_secret": "canary"}})  # type: ignore[arg-type,dict-item]

    assert "canary" not in repr(settings) + str(settings)


def test_the_example_file_can_be_used_as_it_stands(folder: Path) -> None:
    example = Path(__file__).resolve().parents[2] / "config" / "example.toml"
    (folder / "tidings.toml").write_text(example.read_text(encoding="utf-8"), encoding="utf-8")

    assert str(read_settings().public_url) == "https://m.example.com/"


def test_the_signing_secret_is_made_once_kept_and_private(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path / "home")

    made = installation_secret(settings)

    assert installation_secret(settings) == made
    assert len(made) >= 32
    assert (tmp_path / "home" / "secret").stat().st_mode & 0o777 == 0o600


def test_variables_for_tests_and_for_the_files_name_are_no_mistakes() -> None:
    assert unknown_variables({"TIDINGS_TEST_REDIS_URL": "x", "TIDINGS_FILE": "x", "TIDINGS_HOME": "x"}, {"home"}) == []


@pytest.mark.parametrize(
    "environment, spoken",
    [({}, "en"), ({"LANG": "zh_CN.UTF-8"}, "zh"), ({"LANG": "zh_CN.UTF-8", "TIDINGS_LANGUAGE": "en"}, "en"), ({"LC_ALL": "C"}, "en")],
)
def test_the_language_is_the_locales_unless_told_otherwise(environment: dict[str, str], spoken: str) -> None:
    assert preferred_language(environment) == spoken


@pytest.fixture
def lines() -> io.StringIO:
    return io.StringIO()


def test_a_log_line_has_only_allowed_fields_and_no_words_of_an_exception(lines: io.StringIO) -> None:
    before = logging.getLogger().handlers[:]
    set_up_logs("debug", stream=lines)
    try:
        log_for("test").info("send accepted", send=7, address="+8613800138000", provider="x\n2026 ERROR fake")
        logging.getLogger("library").warning("cannot reach %s", "fang@example.com")
        logging.getLogger("library").warning("took %d seconds", 3)
        try:
            raise ValueError("fang@example.com is wrong")
        except ValueError:
            log_for("test").exception("request failed")
    finally:
        logging.getLogger().handlers[:] = before

    first, second, third, fourth = map(json.loads, lines.getvalue().splitlines())
    assert (first["event"], first["send"]) == ("send accepted", 7)
    assert "address" not in first
    assert second["event"] == "cannot reach %s"
    assert third["event"] == "took 3 seconds"
    assert fourth["exception"] == "ValueError"
    assert "fang" not in lines.getvalue() and "138001" not in lines.getvalue()


@pytest.mark.parametrize(("region", "expected"), [("CN", SignedBy.WORDS), ("US", SignedBy.ANYONE)])
def test_who_signs_text_messages_is_known_by_the_account_and_the_country(folder: Path, region: str, expected: SignedBy) -> None:
    gateway = {
        "provider": "sms.kannel", "endpoint": "http://127.0.0.1:13013", "username": "camp", "password": "not-a-known-word",
    }  # fmt: skip

    assert signed_by(Settings(region=region)) is SignedBy.PROVIDER
    assert signed_by(Settings.model_validate({"region": region, "providers": {"sms": gateway}})) is expected
    signing = {**gateway, "sign_name": "晨光生活"}
    assert signed_by(Settings.model_validate({"region": region, "providers": {"sms": signing}})) is SignedBy.PROVIDER


def an_account(**more: object) -> dict[str, object]:
    own = {"access_key_id": "an-id", "access_key_secret": "not-a-known-word", "sign_name": "晨光生活", "template_codes": {"*": "SMS_1"}}
    return {"provider": "sms.aliyun", **own, **more}


def test_a_channel_has_one_account_or_several(folder: Path) -> None:
    (folder / "tidings.toml").write_text(
        '[[providers.sms]]\nprovider = "sms.aliyun"\nweight = 80\nper_second = 300\nprices = { "86" = 0.045, "*" = "0.5" }\n'
        'access_key_id = "an-id"\naccess_key_secret = "not-a-known-word"\nsign_name = "晨光生活"\ntemplate_codes = { "*" = "SMS_1" }\n'
        '[[providers.sms]]\nprovider = "sms.aliyun"\naccount = "backup"\nweight = 0\nper_day = 10_000\n'
        'access_key_id = "an-id"\naccess_key_secret = "not-a-known-word"\nsign_name = "晨光生活"\ntemplate_codes = { "*" = "SMS_1" }\n'
        '[providers.email]\nprovider = "email.smtp"\nhost = "mail.example.com"\nsender_address = "crm@example.com"\n'
    )

    chosen = carriers(read_settings())

    assert [choice.name for choice in chosen["sms"]] == ["sms.aliyun", "sms.aliyun.backup"]
    assert chosen["sms"][0].prices == {"86": Decimal("0.045"), "*": Decimal("0.5")}
    assert [choice.name for choice in chosen["email"]] == ["email.smtp"]
    assert [choice.name for choice in chosen["wechat"]] == ["wechat.official_account"]


WECHAT = {"provider": "wechat.official_account", "app_id": "wx5151515151515151", "app_secret": "not-a-known-word"}
GATEWAY = {"provider": "sms.kannel", "endpoint": "http://127.0.0.1:13013", "username": "camp", "password": "not-a-known-word"}


@pytest.mark.parametrize(
    ("channel", "choices", "field", "words"),
    [
        ("sms", [an_account(), an_account()], "providers.sms.1", "both called sms.aliyun"),
        ("sms", [an_account(), an_account(account="b", speed=3)], "providers.sms.1.speed", "cannot be used"),
        ("sms", [an_account(), GATEWAY], "providers.sms", "sign text messages and others do not"),
        ("sms", [an_account(weight=0)], "providers.sms", "weight above 0"),
        ("wechat", [WECHAT, {**WECHAT, "account": "second"}], "providers.wechat.1", "one account only"),
    ],
)
def test_accounts_that_cannot_stand_beside_each_other_are_refused(
    folder: Path, channel: str, choices: list[dict[str, object]], field: str, words: str
) -> None:
    with pytest.raises(InputRefused) as refused:
        carriers(Settings.model_validate({"providers": {channel: choices}}))

    found = [problem for problem in refused.value.problems if problem.field == field]
    assert found and words in found[0].told()


@pytest.mark.parametrize("wrong", [{"weight": -1}, {"per_second": 0}, {"per_day": 0}, {"prices": {"+86": 1}}, {"prices": {"86": -1}}, {"account": "A b"}])
def test_what_an_account_may_do_is_checked(folder: Path, wrong: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        Settings.model_validate({"providers": {"sms": an_account(**wrong)}})
