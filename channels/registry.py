"""Every provider there is, by name."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, ValidationError

from channels.email.mailgun import Mailgun, MailgunSettings
from channels.email.sendgrid import SendGrid, SendGridSettings
from channels.email.ses import Ses, SesSettings
from channels.email.settings import SmtpSettings
from channels.email.smtp import SmtpProvider
from channels.provider import Provider
from channels.sms.aliyun import AliyunSettings, AliyunSms
from channels.sms.kannel import KannelSettings, KannelSms
from channels.sms.tencent import TencentSettings, TencentSms
from channels.sms.twilio import TwilioSettings, TwilioSms
from channels.wechat.official_account import OfficialAccount, OfficialAccountSettings
from language.problems import InputRefused, Problem, refuse


@dataclass(frozen=True)
class ProviderEntry:
    """How a provider is configured and made."""

    settings: type[BaseModel]
    factory: Callable[[Any], Provider]  #: called with an instance of ``settings``


PROVIDERS: Mapping[str, ProviderEntry] = {
    AliyunSms.name: ProviderEntry(AliyunSettings, AliyunSms),
    KannelSms.name: ProviderEntry(KannelSettings, KannelSms),
    OfficialAccount.name: ProviderEntry(OfficialAccountSettings, OfficialAccount),
    Mailgun.name: ProviderEntry(MailgunSettings, Mailgun),
    SendGrid.name: ProviderEntry(SendGridSettings, SendGrid),
    Ses.name: ProviderEntry(SesSettings, Ses),
    SmtpProvider.name: ProviderEntry(SmtpSettings, SmtpProvider),
    TencentSms.name: ProviderEntry(TencentSettings, TencentSms),
    TwilioSms.name: ProviderEntry(TwilioSettings, TwilioSms),
}


def open_provider(name: str, settings: Mapping[str, object]) -> Provider:
    """Make the named provider with an account's settings; it connects when it is first used.

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
    return entry.factory(checked)
