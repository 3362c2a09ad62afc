"""Every provider there is, by name."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module

from pydantic import BaseModel, ValidationError

from channels.provider import Provider
from channels.wechat.tokens import TokenStore
from language.problems import InputRefused, Problem, refuse


@dataclass(frozen=True)
class ProviderEntry:
    """Where a provider is found.  Its module is read when it is wanted: an installation uses few of them."""

    module: str
    settings_name: str
    factory_name: str
    shares_tokens: bool = False  #: whether the factory is called with a store of tokens, too

    @property
    def settings(self) -> type[BaseModel]:
        """How it is configured."""
        found: type[BaseModel] = getattr(import_module(self.module), self.settings_name)
        return found

    @property
    def factory(self) -> Callable[..., Provider]:
        """What makes it, called with an instance of ``settings``."""
        found: Callable[..., Provider] = getattr(import_module(self.module), self.factory_name)
        return found


PROVIDERS: Mapping[str, ProviderEntry] = {
    "sms.aliyun": ProviderEntry("channels.sms.aliyun", "AliyunSettings", "AliyunSms"),
    "sms.kannel": ProviderEntry("channels.sms.kannel", "KannelSettings", "KannelSms"),
    "wechat.mini_program": ProviderEntry("channels.wechat.mini_program", "MiniProgramSettings", "MiniProgram", shares_tokens=True),
    "wechat.official_account": ProviderEntry(
        "channels.wechat.official_account", "OfficialAccountSettings", "OfficialAccount", shares_tokens=True
    ),
    "email.mailgun": ProviderEntry("channels.email.mailgun", "MailgunSettings", "Mailgun"),
    "email.sendgrid": ProviderEntry("channels.email.sendgrid", "SendGridSettings", "SendGrid"),
    "email.ses": ProviderEntry("channels.email.ses", "SesSettings", "Ses"),
    "email.smtp": ProviderEntry("channels.email.smtp", "SmtpSettings", "SmtpProvider"),
    "sms.tencent": ProviderEntry("channels.sms.tencent", "TencentSettings", "TencentSms"),
    "sms.twilio": ProviderEntry("channels.sms.twilio", "TwilioSettings", "TwilioSms"),
    "wechat.wecom_application": ProviderEntry(
        "channels.wechat.wecom_application", "WecomApplicationSettings", "WecomApplication", shares_tokens=True
    ),
    "wechat.wecom": ProviderEntry("channels.wechat.wecom", "WecomContactSettings", "WecomContacts", shares_tokens=True),
}


def open_provider(name: str, settings: Mapping[str, object], *, tokens: TokenStore | None = None) -> Provider:
    """Make the named provider with an account's settings; it connects when it is first used.

    ``tokens`` is where processes share what some providers let one account have only once; None: they do not share.

    Raises:
        InputRefused: there is no such provider, or its settings do not fit; values are not repeated.
    """
    entry = PROVIDERS.get(name)
    if entry is None:
        raise refuse("there is no provider {name}; there are {known}", name=name, known=", ".join(sorted(PROVIDERS)))
    try:
        checked = entry.settings.model_validate(settings)
    except ValidationError as error:
        raise InputRefused(
            [
                Problem(
                    sentence="the provider {name} does not take this setting: {reason}",
                    values={"name": name, "reason": each["msg"]},
                    field=".".join(map(str, each["loc"])) or None,
                )
                for each in error.errors(include_input=False, include_context=False, include_url=False)
            ]
        ) from None
    return entry.factory(checked, tokens) if entry.shares_tokens else entry.factory(checked)
