"""What Alibaba Cloud's SMS answers mean for us, code by code.

A code that is not here leaves the outcome unknown: an answer nobody documented is never
taken for a yes, and never for a no after which the message could be sent once more.

Source: https://help.aliyun.com/zh/sms/developer-reference/api-error-codes, read in November 2026.
"""

from collections.abc import Mapping

from channels.errors import (
    AddressBusy,
    AddressRefused,
    ContentRefused,
    MemberRefused,
    MessageRefused,
    ProviderMisconfigured,
    ProviderUnavailable,
)
from channels.meaning import Meaning, each

#: This member's flow control: nothing is wrong, and after the window the message may go.
MEMBER_LIMIT = "isv.BUSINESS_LIMIT_CONTROL"
#: The windows of the member's flow control as the answer names them, in seconds.
WINDOWS: Mapping[str, float] = {"分钟": 60.0, "小时": 3600.0, "天": 86400.0}

MEANINGS: Mapping[str, Meaning] = {
    **each(
        ("isp.SYSTEM_ERROR", "isp.GATEWAY_ERROR", "ServiceUnavailable", "SignatureNonceUsed"),
        Meaning(ProviderUnavailable, "the provider could not take it now"),
    ),
    **each(
        ("Throttling", "Throttling.User", "Throttling.Api"),
        Meaning(ProviderUnavailable, "the provider asked for fewer calls", wait=1.0),
    ),
    MEMBER_LIMIT: Meaning(AddressBusy, "this number has had as many messages as a window allows", wait=3600.0),
    **each(
        ("isv.MOBILE_NUMBER_ILLEGAL",),
        Meaning(AddressRefused, "the provider says that this is not a mobile number"),
    ),
    **each(
        ("isv.CUSTOMER_REFUSED",),
        Meaning(MemberRefused, "this number has refused messages of this sender"),
    ),
    # Two readings exist, a black-listed number and a black-listed word; suppressing the number would be a guess.
    "isv.BLACK_KEY_CONTROL_LIMIT": Meaning(MessageRefused, "the provider's black list stopped this message"),
    # These depend on the member's own data, so they speak against one message and not against its template.
    **each(
        (
            "isv.TEMPLATE_MISSING_PARAMETERS",
            "isv.TEMPLATE_PARAMS_ILLEGAL",
            "isv.PARAM_LENGTH_LIMIT",
            "isv.PARAM_NOT_SUPPORT_URL",
        ),
        Meaning(MessageRefused, "a variable of this message is missing, too long or not allowed"),
    ),
    **each(
        (
            "isv.SMS_TEMPLATE_ILLEGAL",
            "isv.SMS_SIGNATURE_ILLEGAL",
            "isv.SMS_SIGNATURE_SCENE_ILLEGAL",
            "isv.SIGN_STATE_ILLEGAL",
            "isv.SMS_SIGN_ILLEGAL",
            "isv.SIGN_NAME_ILLEGAL",
            "isv.SIGN_SOURCE_ILLEGAL",
            "isv.INVALID_JSON_PARAM",
            "isv.INVALID_PARAMETERS",
            "isv.SMS_CONTENT_ILLEGAL",
            "isv.SMS_CONTENT_MISMATCH_TEMPLATE_TYPE",
            "isv.UNSUPPORTED_CONTENT",
            "isv.DOMESTIC_NUMBER_NOT_SUPPORTED",
        ),
        Meaning(ContentRefused, "the provider refuses this template, signature or text"),
    ),
    **each(
        (
            "SignatureDoesNotMatch",
            "InvalidAccessKeyId.NotFound",
            "InvalidTimeStamp.Expired",
            "InvalidVersion",
            "InvalidAction.NotFound",
            "isp.RAM_PERMISSION_DENY",
            "isv.DENY_IP_RANGE",
            "isv.EXTEND_CODE_ERROR",
            "isv.ONE_CODE_MULTIPLE_SIGN",
            "isv.CODE_EXCEED_LIMIT",
            "isv.CODE_ERROR",
            "isv.MOBILE_COUNT_OVER_LIMIT",
        ),
        Meaning(ProviderMisconfigured, "the provider does not accept our key, clock, address or settings"),
    ),
    **each(
        (
            "isv.AMOUNT_NOT_ENOUGH",
            "isv.OUT_OF_SERVICE",
            "isv.PRODUCT_UN_SUBSCRIPT",
            "isv.PRODUCT_UNSUBSCRIBE",
            "isv.ACCOUNT_NOT_EXISTS",
            "isv.ACCOUNT_ABNORMAL",
            "isv.SECURITY_FROZEN_ACCOUNT",
            "isv.DAY_LIMIT_CONTROL",
            "isv.MONTH_LIMIT_CONTROL",
        ),
        Meaning(ProviderMisconfigured, "our account has no money, no permission or no quota left"),
    ),
}


#: Codes that speak of a batch as a whole: of our account, our key, the moment, or what its messages share.
ABOUT_ALL: frozenset[str] = frozenset(
    code
    for code, meaning in MEANINGS.items()
    if meaning.error in {ProviderUnavailable, ProviderMisconfigured}
) - {"isv.MOBILE_COUNT_OVER_LIMIT"} | {
    "isv.SMS_TEMPLATE_ILLEGAL",
    "isv.SMS_SIGNATURE_ILLEGAL",
    "isv.SMS_SIGNATURE_SCENE_ILLEGAL",
    "isv.SIGN_STATE_ILLEGAL",
    "isv.SMS_SIGN_ILLEGAL",
    "isv.SIGN_NAME_ILLEGAL",
    "isv.SIGN_SOURCE_ILLEGAL",
    "isv.SMS_CONTENT_MISMATCH_TEMPLATE_TYPE",
}  # fmt: skip


def member_wait(message: str) -> float | None:
    """Return the longest window, in seconds, that a flow-control answer names; None: it names none."""
    return max((seconds for word, seconds in WINDOWS.items() if word in message), default=None)
