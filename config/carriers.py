"""Which provider carries each channel, and whether its settings can be used."""

from collections.abc import Mapping

from pydantic import ValidationError

from channels.registry import PROVIDERS
from config.refusals import worthless_secrets
from config.settings import ChannelName, ProviderChoice, Settings
from language.problems import InputRefused, Problem
from templates.text_messages import SignedBy


def simulated(settings: Settings) -> Mapping[ChannelName, Mapping[str, object]]:
    """Return the simulator on this machine for every channel, so that a first run needs no account."""
    http = f"http://127.0.0.1:{settings.simulator.http_port}"
    return {
        "sms": {
            "provider": "sms.aliyun",
            "endpoint": http,
            "access_key_id": "simulated-key",
            "access_key_secret": "simulated-secret",
            "sign_name": settings.brand.zh,
            "template_codes": {"*": "SMS_000000000"},
        },
        "email": {
            "provider": "email.smtp",
            "host": "127.0.0.1",
            "port": settings.simulator.smtp_port,
            "security": "none",
            "sender_address": "news@tidings.example",
            "sender_name": settings.brand.zh,
        },
        "wechat": {
            "provider": "wechat.official_account",
            "endpoint": http,
            "app_id": "wx5151515151515151",
            "app_secret": "simulated-app-secret",
            "callback_token": "simulated-callback-token",
            "template_ids": {"*": "simulated-template"},
        },
    }


def carriers(settings: Settings) -> Mapping[ChannelName, ProviderChoice]:
    """Return the provider chosen for each channel, the simulator where none is.

    Raises:
        InputRefused: a provider is unknown, its settings do not fit, or a secret is a well-known word.
    """
    chosen = {
        channel: settings.providers.get(channel) or ProviderChoice.model_validate(words)
        for channel, words in simulated(settings).items()
    }
    problems = [problem for channel, choice in settings.providers.items() for problem in _problems(channel, choice)]
    if problems:
        raise InputRefused(problems)
    return chosen


def signed_by(settings: Settings) -> SignedBy:
    """Say who puts the 【signature】 in front of text messages: the provider, where its settings name one.

    A gateway that takes free text adds none, so in the mainland the words must begin with it.
    """
    chosen = PROVIDERS[carriers(settings)["sms"].provider]
    if "sign_name" in chosen.settings.model_fields:
        return SignedBy.PROVIDER
    return SignedBy.WORDS if settings.region == "CN" else SignedBy.ANYONE


def _problems(channel: str, choice: ProviderChoice) -> list[Problem]:
    place = f"providers.{channel}"
    entry = PROVIDERS.get(choice.provider)
    if entry is None or choice.provider.partition(".")[0] != channel:
        known = ", ".join(sorted(name for name in PROVIDERS if name.startswith(f"{channel}.")))
        return [Problem(sentence="no such provider for this channel; expected one of {known}", values={"known": known}, field=place)]
    problems = list(worthless_secrets(choice.own_settings(), inside=place))
    try:
        entry.settings.model_validate(choice.own_settings())
    except ValidationError as error:
        for found in error.errors(include_url=False, include_input=False, include_context=False):
            name = ".".join((place, *map(str, found["loc"])))
            problems.append(Problem(sentence="this setting cannot be used: {reason}", values={"reason": found["msg"]}, field=name))
    return problems
