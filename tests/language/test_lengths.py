"""What a text comes to, abroad and in the mainland."""

import json
from pathlib import Path

import pytest

from language.lengths import GSM_BASIC, GSM_EXTENDED, sms_parts


def test_the_published_vectors_agree_in_encoding_units_and_parts(shared: Path) -> None:
    for vector in json.loads((shared / "vectors" / "sms.json").read_text("utf-8"))["segments"]:
        abroad = sms_parts(vector["text"], market="intl")
        mainland = sms_parts(vector["text"], market="cn")

        assert (abroad.encoding, abroad.units, abroad.parts) == (
            vector["encoding"],
            vector["units"],
            vector["segments"],
        )
        assert (mainland.units, mainland.parts) == (vector["cn_billing_chars"], vector["cn_billing_count"])


@pytest.mark.parametrize(
    "text, units, parts",
    [
        ("a" * 160, 160, 1),
        ("a" * 161, 161, 2),
        ("a" * 306, 306, 2),
        ("a" * 307, 307, 3),
        ("€" * 80, 160, 1),
        ("€" * 81, 162, 2),
        ("€" * 153, 306, 3),  # 76 pairs fill a part of 153, for none is torn apart.
        # An escape pair does not straddle: 152 + € would be 154, so the € moves to part two.
        ("a" * 152 + "€" + "a" * 152, 306, 3),
        ("a" * 151 + "€" + "a" * 153, 306, 2),
    ],
)
def test_latin_text_is_counted_in_septets(text: str, units: int, parts: int) -> None:
    length = sms_parts(text, market="intl")

    assert (length.encoding, length.units, length.parts) == ("GSM-7", units, parts)


@pytest.mark.parametrize(
    "text, units, parts",
    [
        ("好" * 70, 70, 1),
        ("好" * 71, 71, 2),
        ("好" * 134, 134, 2),
        ("好" * 135, 135, 3),
        ("🎉" * 35, 70, 1),
        ("🎉" * 36, 72, 2),
        # 67 is odd: 33 emoji fill 66 units and the 67th stays empty, so 67 emoji need a third part.
        ("🎉" * 66, 132, 2),
        ("🎉" * 67, 134, 3),
        ("好" * 66 + "🎉" + "好" * 66, 134, 3),
    ],
)
def test_other_text_is_counted_in_utf_16_units_and_no_character_is_cut(text: str, units: int, parts: int) -> None:
    length = sms_parts(text, market="intl")

    assert (length.encoding, length.units, length.parts) == ("UCS-2", units, parts)


@pytest.mark.parametrize("characters, parts", [(0, 0), (1, 1), (70, 1), (71, 2), (134, 2), (135, 3), (500, 8)])
@pytest.mark.parametrize("character", ["a", "好", "🎉"])
def test_the_mainland_bills_characters_whatever_the_alphabet(character: str, characters: int, parts: int) -> None:
    assert sms_parts(character * characters).parts == parts


def test_an_empty_text_has_no_parts() -> None:
    assert sms_parts("", market="intl").parts == 0


def test_the_alphabet_has_the_size_that_its_standard_gives() -> None:
    # 128 places less the escape to the extension table; ten characters in the extension table.
    assert len(GSM_BASIC) == 127
    assert len(GSM_EXTENDED) == 10
    assert not GSM_BASIC & GSM_EXTENDED
