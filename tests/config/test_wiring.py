"""What providers are opened with."""

from config.callback_addresses import callback_address
from config.settings import ProviderChoice, Settings
from config.wiring import provider_settings

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
