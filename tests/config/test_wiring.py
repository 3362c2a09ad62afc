"""What providers are opened with, and that they are closed."""

import shutil
from pathlib import Path

import pytest
from pydantic import BaseModel

from channels.provider import Provider
from channels.sms.kannel import KannelSms
from config.callback_addresses import callback_address
from config.settings import ProviderChoice, Settings
from config.wiring import installation_library, open_application, provider_settings
from language.problems import InputRefused, refuse
from templates.library import BUILT_IN

OWN = Path(__file__).resolve().parents[2] / "config" / "examples" / "templates"
SECRET = b"an installation's own secret, long enough"
KANNEL = {"provider": "sms.kannel", "endpoint": "http://127.0.0.1:13013", "username": "u", "password": "p"}


def test_a_provider_that_is_told_where_to_call_is_told_our_secret_address() -> None:
    settings = Settings(public_url="https://crm.example.com/")  # type: ignore[arg-type]

    found = provider_settings(settings, ProviderChoice.model_validate(KANNEL), SECRET)

    assert found["callback_url"] == callback_address(SECRET, "sms.kannel", public_url="https://crm.example.com")


def test_an_address_that_was_set_stays() -> None:
    choice = ProviderChoice.model_validate({**KANNEL, "callback_url": "http://10.0.0.1/k"})

    assert provider_settings(Settings(), choice, SECRET)["callback_url"] == "http://10.0.0.1/k"


def test_a_provider_that_asks_for_no_address_gets_none() -> None:
    choice = ProviderChoice.model_validate({"provider": "email.smtp", "host": "127.0.0.1", "sender_address": "a@example.com"})

    assert "callback_url" not in provider_settings(Settings(), choice, SECRET)


def test_an_account_that_cannot_be_opened_leaves_none_open_that_was(
    migrated_url: str, redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    closed: list[str] = []

    class Noted(KannelSms):
        def close(self) -> None:
            closed.append(self.name)
            super().close()

    def impossible(settings: BaseModel) -> Provider:
        raise refuse("this setting cannot be used: {reason}", reason="its key is gone")

    monkeypatch.setattr("channels.sms.kannel.KannelSms", Noted)
    monkeypatch.setattr("channels.email.smtp.SmtpProvider", impossible)
    settings = Settings.model_validate(
        {
            "database_url": migrated_url,
            "redis_url": redis_url,
            "secret": SECRET.decode(),
            "providers": {"sms": [KANNEL, {**KANNEL, "account": "b"}]},
        }
    )

    with pytest.raises(InputRefused), open_application(settings):
        pass

    assert closed == ["sms.kannel", "sms.kannel"]


def test_own_templates_stand_beside_the_built_in_ones_and_take_the_place_of_one_of_their_name(tmp_path: Path) -> None:
    for name in ("welcome", "tier-up"):
        shutil.copytree(OWN / "tier-up", tmp_path / name)

    library = installation_library(Settings(templates=tmp_path))

    assert [library.folder(name).parent for name in ("welcome", "tier-up", "birthday")] == [tmp_path, tmp_path, BUILT_IN]
    assert library.content("welcome")["title"]["en"] == "A higher tier"
    assert "tier-up" not in installation_library(Settings()).names()


def test_a_folder_of_templates_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputRefused, match="nowhere: there is no such folder"):
        installation_library(Settings(templates=tmp_path / "nowhere"))
