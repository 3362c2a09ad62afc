"""One spelling for every address, and a reason for each that cannot be used."""

import hashlib
import hmac

import phonenumbers
import pytest
from phonenumbers import PhoneNumberType

from members.addresses import fingerprint, normalise_email, normalise_openid, normalise_phone


def by_library(text: str) -> str | None:
    """What phonenumbers alone makes of a number; None: no mobile."""
    number = phonenumbers.parse(text, "CN")
    if not phonenumbers.is_valid_number(number) or phonenumbers.number_type(number) != PhoneNumberType.MOBILE:
        return None
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


@pytest.mark.parametrize("written", ["{}", "+86{}", "0086{}", "86{}"])
def test_the_short_cut_for_mainland_mobiles_says_what_the_library_says(written: str) -> None:
    for prefix in range(100, 200):
        for rest in ("00000000", "05123456", "10000001", "49999999", "60000000", "99999999"):
            text = written.format(f"{prefix}{rest}")
            found = normalise_phone(text)
            assert (found.address if found.problem is None else None) == by_library(text), text


@pytest.mark.parametrize(
    ("written", "address"),
    [
        ("13800001234", "+8613800001234"),
        (" 138 0000 1234 ", "+8613800001234"),
        ("138-0000-1234", "+8613800001234"),
        ("１３８００００１２３４", "+8613800001234"),
        ("＋86 138 0000 1234", "+8613800001234"),
        ("(+86) 13800001234", "+8613800001234"),
        ("0086-138 0000 1234", "+8613800001234"),
        ("+44 7400 123456", "+447400123456"),
        ("0044 7400 123456", "+447400123456"),
        ("+1 650-253-0000", "+16502530000"),
        ("+852 5123 4567", "+85251234567"),
    ],
)
def test_mobiles_come_to_one_spelling(written: str, address: str) -> None:
    found = normalise_phone(written)
    assert (found.address, found.problem) == (address, None)
    assert normalise_phone(found.address) == found


@pytest.mark.parametrize(
    ("written", "problem"),
    [
        ("010-62345678", "not_a_mobile"),
        ("400 820 8820", "not_a_mobile"),
        ("(0571) 8888-8888", "not_a_mobile"),
        ("0086 21 6234 5678", "not_a_mobile"),
        ("０１０－６２３４５６７８", "not_a_mobile"),
        ("10086", "short_code"),
        ("９５５８８", "short_code"),
        ("12306", "short_code"),
        ("1065 1234", "short_code"),
        ("114", "short_code"),
        ("12345678901", "not_valid"),
        ("1380000123", "not_valid"),
        ("+999 12345678", "not_a_number"),
        ("abc", "not_a_number"),
        ("138000012E4", "not_a_number"),
        ("13800001234,13900001234", "not_a_number"),
        ("1" * 400, "not_a_number"),
    ],
)
def test_a_number_no_text_reaches_is_kept_with_its_problem(written: str, problem: str) -> None:
    found = normalise_phone(written)
    assert found.problem == problem
    assert found.address
    assert len(found.address) <= 320


@pytest.mark.parametrize(
    ("written", "address"),
    [
        ("Fang.Wang+x@Example.COM", "fang.wang+x@example.com"),
        ("  ａｂｃ＠ｅｘａｍｐｌｅ．ｃｏｍ", "abc@example.com"),
        ("li@例子.中国", "li@xn--fsqu00a.xn--fiqs8s"),
        ("o'neil@mail.example.org", "o'neil@mail.example.org"),
    ],
)
def test_emails_come_to_one_spelling(written: str, address: str) -> None:
    found = normalise_email(written)
    assert (found.address, found.problem) == (address, None)
    assert normalise_email(found.address) == found


@pytest.mark.parametrize(
    ("written", "problem"),
    [
        ("plain", "not_an_address"),
        ("@example.com", "not_an_address"),
        ("a@b@example.com", "not_an_address"),
        ("a b@example.com", "not_an_address"),
        ("a\x01b@example.com", "not_an_address"),
        ("a..b@example.com", "not_an_address"),
        ("a@b.com\nBcc: c@d.com", "not_an_address"),
        ("a@localhost", "bad_domain"),
        ("a@-example.com", "bad_domain"),
        ("a@exam_ple.com", "bad_domain"),
        ("a@1.2.3.4", "bad_domain"),
        ("王@example.com", "not_ascii"),
        (f"{'a' * 65}@example.com", "too_long"),
    ],
)
def test_an_email_that_cannot_be_used_is_kept_with_its_problem(written: str, problem: str) -> None:
    assert normalise_email(written).problem == problem


def test_an_openid_keeps_its_case_and_is_checked() -> None:
    assert normalise_openid(" oXyz0123456789abcdefghij-_ ").address == "oXyz0123456789abcdefghij-_"
    assert normalise_openid("o1").problem == "not_an_openid"
    assert normalise_openid("oXyz0123456789abc efghij").problem == "not_an_openid"


def test_the_fingerprint_depends_on_secret_channel_and_address_and_nothing_else() -> None:
    marks = {
        fingerprint(secret, channel, address)
        for secret in (b"1", b"2")
        for channel in ("sms", "email")
        for address in ("a", "b")
    }
    assert len(marks) == 8
    assert {len(mark) for mark in marks} == {32}
    assert fingerprint(b"1", "sms", "a") == fingerprint(b"1", "sms", "a")


@pytest.mark.parametrize("length", [0, 1, 32, 63, 64, 65, 200])
def test_the_fingerprint_is_the_standard_librarys_hmac_whatever_the_length_of_the_secret(length: int) -> None:
    secret = bytes(range(1, length + 1))
    for address in ("", "+8613800001234", "王芳@公司.cn" * 20):
        told = hmac.digest(secret, f"sms\x1f{address}".encode(), hashlib.sha256)
        assert fingerprint(secret, "sms", address) == told == fingerprint(secret, "sms", address)
