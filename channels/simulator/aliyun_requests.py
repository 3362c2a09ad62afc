"""What the pretend Alibaba Cloud SMS gateway is asked to send, read as strictly as the real one reads it."""

import json
import re
from collections.abc import Mapping
from typing import NamedTuple

LONGEST_OUT_ID = 255
MOST_IN_BATCH = 100
MAINLAND = r"1[2-9]\d{9}"
NUMBER = re.compile(rf"{MAINLAND}|(?!86)[2-9]\d{{6,14}}")


class Parcel(NamedTuple):
    """One message of a request."""

    number: str
    sign_name: str
    variables: object  #: as they came; the words cannot be known without the template


def single(asked: Mapping[str, str]) -> tuple[list[Parcel], str | None]:
    """Read SendSms; return the message, and the code with which it is refused, None: it is good."""
    said = asked.get("TemplateParam", "{}")
    try:
        variables = json.loads(said)
    except ValueError:
        variables = said
    parcel = Parcel(asked.get("PhoneNumbers", ""), asked.get("SignName", ""), variables)
    return [parcel], _refusal(parcel, NUMBER) or _shared_refusal(asked)


def together(asked: Mapping[str, str], form: Mapping[str, str]) -> tuple[list[Parcel], str | None]:
    """Read SendBatchSms; return its messages, and the code with which all are refused, None: they are good."""
    lists = []
    for name in ("PhoneNumberJson", "SignNameJson", "TemplateParamJson"):
        try:
            said = json.loads(form.get(name, ""))
        except ValueError:
            return [], "isv.INVALID_JSON_PARAM"
        if not isinstance(said, list):
            return [], "isv.INVALID_JSON_PARAM"
        lists.append(said)
    if len({len(said) for said in lists}) != 1 or not lists[0]:
        return [], "isv.INVALID_PARAMETERS"
    if len(lists[0]) > MOST_IN_BATCH:
        return [], "isv.MOBILE_COUNT_OVER_LIMIT"
    parcels = [Parcel(*entries) for entries in zip(*lists, strict=True)]
    refused = (_refusal(parcel, re.compile(MAINLAND)) for parcel in parcels)
    return parcels, next(filter(None, refused), None) or _shared_refusal(asked)


def shown(parcel: Parcel) -> str:
    """Return the words as a phone would show them, as far as they can be known without the template."""
    said = parcel.variables
    words = " · ".join(map(str, said.values())) if isinstance(said, dict) else str(said)
    return f"【{parcel.sign_name}】{words}"


def _refusal(parcel: Parcel, numbers: re.Pattern[str]) -> str | None:
    if not isinstance(parcel.number, str) or not numbers.fullmatch(parcel.number):
        return "isv.MOBILE_NUMBER_ILLEGAL"
    if not isinstance(parcel.sign_name, str) or not parcel.sign_name:
        return "isv.SMS_SIGNATURE_ILLEGAL"
    if not isinstance(parcel.variables, dict) or not all(isinstance(each, str) for each in parcel.variables.values()):
        return "isv.INVALID_JSON_PARAM"
    return None


def _shared_refusal(asked: Mapping[str, str]) -> str | None:
    if len(asked.get("OutId", "")) > LONGEST_OUT_ID:
        return "isv.INVALID_PARAMETERS"
    return None if re.fullmatch(r"SMS_\d+", asked.get("TemplateCode", "")) else "isv.SMS_TEMPLATE_ILLEGAL"
