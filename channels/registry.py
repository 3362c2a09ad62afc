"""Every provider there is, by name."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from pydantic import BaseModel, ValidationError

from channels.email.settings import SmtpSettings
from channels.email.smtp import SmtpProvider
from channels.provider import Provider
from channels.sms.aliyun import AliyunSettings, AliyunSms
from channels.sms.kannel import KannelSettings, KannelSms
from channels.sms.tencent import TencentSettings, TencentSms
from channels.sms.twilio import TwilioSettings, TwilioSms
from channels.wechat.mini_program import MiniProgram, MiniProgramSettings
from channels.wechat.official_account import OfficialAccount, OfficialAccountSettings
from channels.wechat.tokens import TokenStore
from channels.wechat.wecom import WecomContacts, WecomContactSettings
from channels.wechat.wecom_application import WecomApplication, WecomApplicationSettings
from language.problems import InputRefused, Problem, refuse


@dataclass(frozen=True)
class ProviderEntry:
    """How a provider is configured and made."""

    settings: type[BaseModel]
    factory: Callable[..., Provider]  #: called with an instance of ``settings``
    shares_tokens: bool = False  #: whether it is called with a store of tokens, too


PROVIDERS: Mapping[str, ProviderEntry] = {
    AliyunSms.name: ProviderEntry(AliyunSettings, AliyunSms),
    KannelSms.name: ProviderEntry(KannelSettings, KannelSms),
    MiniProgram.name: ProviderEntry(MiniProgramSettings, MiniProgram, shares_tokens=True),
    OfficialAccount.name: ProviderEntry(OfficialAccountSettings, OfficialAccount, shares_tokens=True),
    SmtpProvider.name: ProviderEntry(SmtpSettings, SmtpProvider),
    TencentSms.name: ProviderEntry(TencentSettings, TencentSms),
    TwilioSms.name: ProviderEntry(TwilioSettings, TwilioSms),
    WecomApplication.name: ProviderEntry(WecomApplicationSettings, WecomApplication, shares_tokens=True),
    WecomContacts.name: ProviderEntry(WecomContactSettings, WecomContacts, shares_tokens=True),
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
