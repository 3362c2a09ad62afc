"""What the pretend Tencent Cloud SMS service is asked, read as strictly as the real one reads it."""

import re
from collections.abc import Mapping
from typing import Any

MOST_NUMBERS = 200
CONTEXT_BYTES = 511
MAINLAND = re.compile(r"\+861[2-9]\d{9}")
ABROAD = re.compile(r"\+(?!86)[1-9]\d{6,14}")
#: The fields of each action with their kinds; True: it has to be there.
FIELDS: Mapping[str, Mapping[str, tuple[type, bool]]] = {
    "SendSms": {
        "PhoneNumberSet": (list, True),
        "SmsSdkAppId": (str, True),
        "TemplateId": (str, True),
        "SignName": (str, False),
        "TemplateParamSet": (list, False),
        "ExtendCode": (str, False),
        "SessionContext": (str, False),
        "SenderId": (str, False),
    },
    "PullSmsSendStatus": {"Limit": (int, True), "SmsSdkAppId": (str, True)},
    "PullSmsReplyStatus": {"Limit": (int, True), "SmsSdkAppId": (str, True)},
    "PullSmsSendStatusByPhoneNumber": {
        "BeginTime": (int, True),
        "EndTime": (int, True),
        "Offset": (int, True),
        "Limit": (int, True),
        "PhoneNumber": (str, True),
        "SmsSdkAppId": (str, True),
    },
}


def wrong_field(asked: object, fields: Mapping[str, tuple[type, bool]]) -> str | None:
    """Return the code for a field that is missing, unknown or of another kind; None: they are as documented."""
    if not isinstance(asked, dict):
        return "InvalidParameter"
    if unknown := asked.keys() - fields.keys():
        return f"UnknownParameter.{min(unknown)}"
    for name, (kind, needed) in fields.items():
        if name not in asked:
            if needed:
                return "MissingParameter"
        elif type(asked[name]) is not kind or (kind is list and not all(isinstance(each, str) for each in asked[name])):
            return "InvalidParameter"
    if not 1 <= asked.get("Limit", 1) <= 100 or asked.get("Offset", 0) != 0:
        return "InvalidParameterValue"
    return None


def call_refusal(asked: Mapping[str, Any]) -> str | None:
    """Return the code with which a whole SendSms is refused; None: each number gets an answer of its own."""
    numbers = asked["PhoneNumberSet"]
    if not numbers:
        return "MissingParameter.EmptyPhoneNumberSet"
    if len(numbers) > MOST_NUMBERS:
        return "LimitExceeded.PhoneNumberCountLimit"
    if len({number.startswith("+86") for number in numbers}) > 1:
        return "UnsupportedOperation.ContainDomesticAndInternationalPhoneNumber"
    if numbers[0].startswith("+86") and not asked.get("SignName"):
        return "FailedOperation.SignatureIncorrectOrUnapproved"
    if not asked["TemplateId"].isdecimal():
        return "FailedOperation.TemplateIncorrectOrUnapproved"
    if len(asked.get("SessionContext", "").encode()) > CONTEXT_BYTES:
        return "InvalidParameterValue"
    return None


def number_refusal(number: str) -> str | None:
    """Return the code with which one number is refused; None: it is good."""
    good = MAINLAND.fullmatch(number) or ABROAD.fullmatch(number)
    return None if good else "InvalidParameterValue.IncorrectPhoneNumber"


def shown(asked: Mapping[str, Any]) -> str:
    """Return the words as a phone would show them, as far as they can be known without the template."""
    sign = asked.get("SignName", "")
    return f"{f'【{sign}】' if sign else ''}{' · '.join(asked.get('TemplateParamSet', []))}"
