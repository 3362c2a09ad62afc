"""The address bounces come back to."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from channels.email.return_address import ReturnAddress

PLAIN = ReturnAddress(address="bounce@example.com")
SIGNED = ReturnAddress(address="bounce@example.com", secret=SecretStr("s" * 32))


def test_it_names_its_message():
    assert PLAIN.for_message("0badcafe-7") == "bounce+0badcafe-7@example.com"
    # printf 0badcafe-7 | openssl dgst -sha256 -hmac sss… -binary | base32 | cut -c1-10
    assert SIGNED.for_message("0badcafe-7") == "bounce+0badcafe-7-vqjcexj77o@example.com"


@pytest.mark.parametrize("address", [PLAIN, SIGNED])
@given(st.from_regex(r"[a-z0-9][a-z0-9._-]{0,30}", fullmatch=True))
def test_what_was_made_is_read_back_whatever_became_of_its_case(address: ReturnAddress, reference: str):
    made = address.for_message(reference)

    assert address.read(made) == reference
    assert address.read(f"<{made.upper()}>") == reference.upper()


def test_a_reference_too_long_for_an_address_is_left_out():
    assert PLAIN.for_message("m" * 80) == "bounce@example.com"


@pytest.mark.parametrize(
    "other",
    [
        "", "@", "bounce@example.com", "bounce+@example.com", "bounce+m1@example.org", "else+m1@example.com",
        "bounce+m 1@example.com", "bounce+m1\r\n@example.com", "bounce+é@example.com",
    ],
)  # fmt: skip
def test_what_is_not_ours_names_nothing(other: str):
    assert PLAIN.read(other) is None
    assert SIGNED.read(other) is None


@pytest.mark.parametrize(
    "other", ["bounce+m1@example.com", "bounce+m1-aaaaaaaaaa@example.com", "bounce+-aaaaaaaaaa@example.com"]
)
def test_without_the_secret_nobody_can_name_a_message(other: str):
    assert SIGNED.read(other) is None
    assert SIGNED.read(SIGNED.for_message("m1").replace("m1", "m2")) is None
