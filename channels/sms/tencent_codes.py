"""What Tencent Cloud's SMS answers mean for us, code by code.

A code that is not listed is judged by the family before its dot, as the provider adds codes often; one of
no known family leaves the outcome unknown.  So do the provider's internal errors: several of them may come
after the message was sent, and the others promise nothing.

Source: https://cloud.tencent.com/document/api/382/52075 and the notes of the provider's own client library
tencentcloud-sdk-python-sms 3.1.153, read in November 2026.
"""

from collections.abc import Mapping
from datetime import datetime

from channels.errors import (
    AddressBusy,
    AddressRefused,
    ContentRefused,
    DeliveryError,
    MemberRefused,
    MessageRefused,
    OutcomeUnknown,
    ProviderMisconfigured,
    ProviderUnavailable,
)
from channels.meaning import Meaning, each
from channels.sms.beijing import BEIJING

DAY = 86400.0
#: Marketing texts are taken from this hour on, by Beijing's clock.
MARKETING_OPENS = 8
QUIET_HOURS = "FailedOperation.MarketingSendTimeConstraint"


def _limit(wait: float) -> Meaning:
    return Meaning(AddressBusy, "this number has had as many messages as a window allows", wait, about_one=True)


_LOST = Meaning(OutcomeUnknown, "the provider failed in the middle and does not say whether the message went")
_SLOWER = Meaning(ProviderUnavailable, "the provider asked for fewer calls", 1.0)
_SETTINGS = Meaning(ProviderMisconfigured, "the provider does not accept our key, clock, address or settings")
_ACCOUNT = Meaning(ProviderMisconfigured, "our account has no money, no permission or no quota left")
_CONTENT = Meaning(ContentRefused, "the provider refuses this template, signature or text")
_VARIABLE = Meaning(MessageRefused, "a variable of this message is missing, too long or not allowed", about_one=True)
_NUMBER = Meaning(AddressRefused, "the provider says that this number can never be reached", about_one=True)
_OTHER = Meaning(MessageRefused, "the provider refuses this message", about_one=True)

MEANINGS: Mapping[str, Meaning] = {
    **each(
        (
            "InternalError.Timeout",
            "InternalError.SendAndRecvFail",
            "InternalError.OtherError",
            "InternalError.UnknownError",
            "InternalError.ParseBackendResponseFail",
        ),
        _LOST,
    ),
    **each(("RequestLimitExceeded", "LimitExceeded.GlobalSmsSendingRateLimit"), _SLOWER),
    "LimitExceeded.PhoneNumberThirtySecondLimit": _limit(30.0),
    "LimitExceeded.DeliveryFrequencyLimit": _limit(3600.0),
    "LimitExceeded.PhoneNumberOneHourLimit": _limit(3600.0),
    "LimitExceeded.PhoneNumberDailyLimit": _limit(DAY),
    "LimitExceeded.PhoneNumberSameContentDailyLimit": _limit(DAY),
    QUIET_HOURS: Meaning(ProviderUnavailable, "marketing texts are taken from 8:00 to 22:00 only"),
    **each(
        (
            "InvalidParameterValue.IncorrectPhoneNumber",
            "FailedOperation.PhoneNumberParseFail",
            "UnsupportedOperation.UnsupportedRegion",
            "LimitExceeded.AppCountryOrRegionInBlacklist",
        ),
        _NUMBER,
    ),
    "FailedOperation.PhoneNumberInBlacklist": Meaning(
        MemberRefused, "this number has refused messages of this sender", about_one=True
    ),
    # These depend on the member's own data, so they speak against one message and not against its template.
    **each(
        (
            "InvalidParameterValue.TemplateParameterLengthLimit",
            "InvalidParameterValue.TemplateParameterFormatError",
            "InvalidParameterValue.ProhibitedUseUrlInTemplateParameter",
        ),
        _VARIABLE,
    ),
    **each(
        (
            "FailedOperation.SignatureIncorrectOrUnapproved",
            "FailedOperation.TemplateIncorrectOrUnapproved",
            "FailedOperation.TemplateUnapprovedOrNotExist",
            "FailedOperation.TemplateIdNotExist",
            "FailedOperation.TemplateParamSetNotMatchApprovedTemplate",
            "FailedOperation.ContainSensitiveWord",
            "InvalidParameter.DirtyWordFound",
            "InvalidParameterValue.ContentLengthLimit",
            "UnsupportedOperation.ChineseMainlandTemplateToGlobalPhone",
            "UnsupportedOperation.GlobalTemplateToChineseMainlandPhone",
            "UnsupportedOperation.UnsupportedTemplateVariable",
            "InternalError.JsonParseFail",
        ),
        _CONTENT,
    ),
    **each(
        (
            "InternalError.RequestTimeException",
            "InternalError.SigVerificationFail",
            "InternalError.SigFieldMissing",
            "InternalError.RestApiInterfaceNotExist",
            "InvalidParameterValue.SdkAppIdNotExist",
            "UnauthorizedOperation.SmsSdkAppIdVerifyFail",
            "UnauthorizedOperation.RequestIpNotInWhitelist",
            "UnauthorizedOperation.RequestPermissionDeny",
            "AuthFailure.SignatureFailure",
            "AuthFailure.SignatureExpire",
            "AuthFailure.SecretIdNotFound",
            "AuthFailure.TokenFailure",
            "AuthFailure.UnauthorizedOperation",
            "IpInBlacklist",
            "IpNotInWhitelist",
        ),
        _SETTINGS,
    ),
    **each(
        ("LimitExceeded.PhoneNumberCountLimit", "UnsupportedOperation.ContainDomesticAndInternationalPhoneNumber"),
        _SETTINGS._replace(about_one=True),
    ),
    **each(
        (
            "FailedOperation.InsufficientBalanceInSmsPackage",
            "LimitExceeded.AppDailyLimit",
            "LimitExceeded.AppMainlandChinaDailyLimit",
            "LimitExceeded.AppGlobalDailyLimit",
            "LimitExceeded.DailyLimit",
            "LimitExceeded.AppCountryOrRegionDailyLimit",
            "UnauthorizedOperation.ServiceSuspendDueToArrears",
            "UnauthorizedOperation.SdkAppIdIsDisabled",
            "UnauthorizedOperation.IndividualUserMarketingSmsPermissionDeny",
        ),
        _ACCOUNT,
    ),
}
#: What a code means that is not listed, by what stands before its first dot.
FAMILIES: Mapping[str, Meaning] = {
    "RequestLimitExceeded": _SLOWER,
    "LimitExceeded": _limit(3600.0),
    "InternalError": _LOST,
    "ServiceUnavailable": Meaning(ProviderUnavailable, "the provider could not take it now"),
    **each(
        (
            "AuthFailure",
            "UnauthorizedOperation",
            "InvalidAction",
            "NoSuchVersion",
            "UnsupportedRegion",
            "UnsupportedProtocol",
        ),
        _SETTINGS,
    ),
    "ResourceInsufficient": _ACCOUNT,
    **each(
        (
            "InvalidParameter",
            "InvalidParameterValue",
            "MissingParameter",
            "UnknownParameter",
            "FailedOperation",
            "UnsupportedOperation",
        ),
        _OTHER,
    ),
}
_UNHEARD = Meaning(OutcomeUnknown, "the answer holds a code that is not documented")


def meaning_of(code: str) -> Meaning:
    """Return what a code means, by itself or by its family."""
    return MEANINGS.get(code) or FAMILIES.get(code.partition(".")[0]) or _UNHEARD


def error_for(code: str, *, provider: str, now: datetime) -> DeliveryError:
    """Return the decision a code stands for; ``now`` tells how long a quiet night still lasts."""
    meaning = meaning_of(code)
    wait = _until_morning(now) if code == QUIET_HOURS else meaning.wait
    return meaning.error(meaning.sentence, provider=provider, code=code or None, retry_after=wait)


def _until_morning(now: datetime) -> float:
    here = now.astimezone(BEIJING)
    morning = here.replace(hour=MARKETING_OPENS, minute=0, second=0, microsecond=0)
    return (morning - here).total_seconds() % DAY
