"""``tidings sms``: what a text message comes to before anybody gets it."""

import unicodedata
from collections import Counter
from typing import Annotated, Any, cast, get_args

import typer

from config.settings import Settings, read_settings
from console.output import fail, in_words, print_json, print_table, run_command, say
from language.lengths import GSM_ALL, LONGEST_MAINLAND_TEXT, Market, sms_parts
from language.problems import refuse
from members.person import is_text

app = typer.Typer(help="Text messages: count and price one before it is sent.", no_args_is_help=True)


@app.command("parts")
@run_command
def count_parts(
    words: Annotated[str, typer.Argument(metavar="TEXT", help="The text as members get it, facts filled in.")],
    market: Annotated[str, typer.Option(help="cn bills 70 or 67 characters; intl 160/153 septets or 70/67 units.")] = "cn",
    sign: Annotated[str | None, typer.Option(help="Signature the provider puts in front; it is counted.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON for programs.")] = False,
) -> None:
    """Say in how many parts a text travels, which characters make it longer, and what it costs.

    Ends with 1 where no network of the market takes a text of that length.
    """
    if market not in get_args(Market):
        raise refuse("the market is cn or intl; found {found}", field="--market", found=market)
    if not words or not is_text(words + (sign or "")):
        raise refuse("a text message is text of at least one character", field="TEXT")
    answer = _counted(f"【{sign}】{words}" if sign else words, cast(Market, market), read_settings())
    if as_json:
        print_json(answer)
    else:
        _tell(answer)
        if market == "cn" and not sign and not words.startswith("【"):
            say("No 【signature】 is counted; if the provider adds one, count it with --sign NAME.")
    if answer["too_long"]:
        fail("Networks in the mainland take at most {longest} characters.", longest=LONGEST_MAINLAND_TEXT)


def _counted(text: str, market: Market, settings: Settings) -> dict[str, Any]:
    length = sms_parts(text, market=market)
    price = settings.prices.sms
    return {
        "market": market,
        "encoding": length.encoding,
        "units": length.units,
        "parts": length.parts,
        "characters": len(text),
        "not_in_gsm7": [_named(found, count) for found, count in Counter(text).items() if found not in GSM_ALL],
        "price_per_part": price,
        "cost": price * length.parts,
        "currency": settings.currency,
        "too_long": market == "cn" and length.units > LONGEST_MAINLAND_TEXT,
    }


def _named(character: str, count: int) -> dict[str, object]:
    shown = f"U+{ord(character):04X}"
    return {"character": character, "code": shown, "name": unicodedata.name(character, ""), "count": count}


def _tell(answer: dict[str, Any]) -> None:
    rows: list[tuple[str, object]] = [
        (in_words("encoding"), answer["encoding"]),
        (in_words(_unit(answer)), answer["units"]),
        (in_words("parts"), answer["parts"]),
        (in_words("price of a part"), f"{answer['price_per_part']} {answer['currency']}"),
        (in_words("cost"), f"{answer['cost']} {answer['currency']}"),
    ]
    print_table("One text message", ("what", "how much"), rows)
    if answer["not_in_gsm7"]:
        named = ((_shown(found["character"]), found["code"], found["name"], found["count"]) for found in answer["not_in_gsm7"])
        print_table("Characters that force UCS-2", ("character", "code", "name", "times"), named)


def _unit(answer: dict[str, Any]) -> str:
    """Name what the market counts."""
    if answer["market"] == "cn":
        return "characters"
    return "septets" if answer["encoding"] == "GSM-7" else "UTF-16 units"


def _shown(character: str) -> str:
    return character if character.isprintable() else ""
