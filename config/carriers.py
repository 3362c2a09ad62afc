"""Which accounts carry each channel, and whether their settings can be used."""

from collections.abc import Mapping, Sequence

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


def carriers(settings: Settings) -> Mapping[ChannelName, Sequence[ProviderChoice]]:
    """Return the accounts chosen for each channel, the simulator where none is.

    Raises:
        InputRefused: a provider is unknown, its settings do not fit, a secret is a well-known word, or the accounts of
            a channel cannot stand beside each other.
    """
    problems = [problem for channel, choices in settings.providers.items() for problem in _channel_problems(channel, choices)]
    if problems:
        raise InputRefused(problems)
    return {
        channel: settings.providers.get(channel) or (ProviderChoice.model_validate(words),)
        for channel, words in simulated(settings).items()
    }


def signed_by(settings: Settings) -> SignedBy:
    """Say who puts the 【signature】 in front of text messages: the provider, where its settings name one.

    A gateway that takes free text adds none unless it is told one, so in the mainland the words must begin with it.
    """
    if all(map(_signs, carriers(settings)["sms"])):
        return SignedBy.PROVIDER
    return SignedBy.WORDS if settings.region == "CN" else SignedBy.ANYONE


def _signs(choice: ProviderChoice) -> bool:
    return bool(choice.own_settings().get("sign_name"))


def _channel_problems(channel: str, choices: Sequence[ProviderChoice]) -> list[Problem]:
    places = [f"providers.{channel}"] if len(choices) == 1 else [f"providers.{channel}.{number}" for number in range(len(choices))]
    problems = [problem for place, choice in zip(places, choices, strict=True) for problem in _problems(place, channel, choice)]
    names = [choice.name for choice in choices]
    problems += [
        Problem(sentence="two accounts are both called {name}; give one of them an account of its own", values={"name": name}, field=place)
        for place, name in zip(places[1:], names[1:], strict=True)
        if names.index(name) < places.index(place)
    ]
    if channel == "wechat" and len(choices) > 1:
        problems.append(Problem(sentence="a member's openid belongs to one account, so WeChat has one account only", field=places[1]))
    if len({_signs(choice) for choice in choices if channel == "sms"}) > 1:
        problems.append(
            Problem(sentence="some accounts sign text messages and others do not; set sign_name for each of them", field=f"providers.{channel}")
        )
    if not any(choice.weight for choice in choices):
        problems.append(Problem(sentence="no account of this channel has a weight above 0", field=f"providers.{channel}"))
    return problems


def _problems(place: str, channel: str, choice: ProviderChoice) -> list[Problem]:
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
