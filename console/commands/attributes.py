"""``tidings attributes``: what each attribute of members means, and which values it may have."""

from pathlib import Path
from typing import Annotated, Any

import typer

from config.foundation import Foundation, open_foundation
from console.defining import tell_applied
from console.output import in_words, language, print_json, print_table, run_command, say
from database.engine import read_clock
from language.documents import Document, validate
from language.problems import InputRefused, Problem, refuse
from members.attributes import Attribute, attributes_in_use, load_dictionary
from members.definitions import DefinitionsApplied, drop_definition, read_definitions, save_definitions

app = typer.Typer(help="Attributes of members: list, define, apply, drop.", no_args_is_help=True)

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON")]


@app.command("list")
@run_command
def list_all(as_json: AsJson = False) -> None:
    """List every attribute: those that are defined, and those that members have although nobody defined them."""
    with open_foundation() as ground, ground.database.transaction() as connection:
        known = load_dictionary(connection)
        used = {one.name: one for one in attributes_in_use(connection, known)}
    rows: list[dict[str, Any]] = []
    for name in sorted({*known, *used}):
        here, attribute = used.get(name), known.get(name)
        counts = {"members": here.members if here else 0, "misfits": here.misfits if here else 0}
        told = attribute.model_dump(mode="json", exclude={"attribute"}) if attribute else {}
        rows.append({"attribute": name, "defined": attribute is not None, **counts, **told})
    if as_json:
        print_json(rows)
        return
    columns = ("attribute", "type", "title", "values", "personal", "members", "of another type")
    print_table("Attributes", columns, [_row(row) for row in rows])


def _row(row: dict[str, Any]) -> tuple[object, ...]:
    if not row["defined"]:
        return row["attribute"], in_words("not defined"), None, None, None, row["members"], None
    title = row["title"].get(language()) or next(iter(row["title"].values()), None)
    values = ", ".join(map(str, row["values"])) or None
    personal = in_words("personal") if row["personal"] else None
    return row["attribute"], row["type"], title, values, personal, row["members"], row["misfits"]


@app.command()
@run_command
def define(
    name: Annotated[str, typer.Argument(metavar="NAME", help="The attribute's name, as imports and events tell it")],
    type_: Annotated[str, typer.Option("--type", help="text, number, yes_no, day, moment or list")],
    title_zh: Annotated[str, typer.Option(help="What people call it, in Chinese")] = "",
    title_en: Annotated[str, typer.Option(help="What people call it, in English")] = "",
    description: Annotated[str, typer.Option(help="What it means, and who knows more")] = "",
    values: Annotated[str, typer.Option(help="The only values it may have, commas between them")] = "",
    personal: Annotated[bool, typer.Option("--personal", help="It says something about the person that is to be guarded")] = False,
    as_json: AsJson = False,
) -> None:
    """Define one attribute; said again it is defined anew."""
    told = [each.strip() for each in values.replace("，", ",").split(",") if each.strip()]
    titles = {"zh": title_zh, "en": title_en}
    given = {
        "attribute": name, "type": type_, "title": {which: words for which, words in titles.items() if words},
        "description": description, "values": [_number(each) for each in told] if type_ == "number" else told, "personal": personal,
    }  # fmt: skip
    attribute = validate(Attribute, Document(file="define", data=given, lines={}))
    with open_foundation() as ground:
        done = _save(ground, [attribute])
    tell_applied("Attributes", "attribute", done, as_json=as_json)


def _number(told: str) -> int | float:
    try:
        return float(told) if "." in told else int(told)
    except ValueError:
        problem = Problem(sentence="a number was expected; found {found}", values={"found": repr(told)[:80]}, field="values")
        raise InputRefused([problem]) from None


@app.command()
@run_command
def apply(
    path: Annotated[Path, typer.Argument(metavar="FILE|FOLDER", help="A definition file, or a folder of them")],
    as_json: AsJson = False,
) -> None:
    """Define the attributes of a file or folder, or none: one mistake stops them all."""
    wanted = read_definitions(path, Attribute)
    with open_foundation() as ground:
        done = _save(ground, wanted)
    tell_applied("Attributes", "attribute", done, as_json=as_json)


@app.command()
@run_command
def drop(name: Annotated[str, typer.Argument(metavar="NAME", help="The attribute")]) -> None:
    """Take an attribute out of the dictionary; members keep their values."""
    with open_foundation() as ground, ground.database.transaction() as connection:
        if not drop_definition(connection, Attribute, name):
            raise refuse("there is no attribute {name} in the dictionary", name=name)
    say("Attribute {name} is no longer in the dictionary.", name=name)


def _save(ground: Foundation, wanted: list[Attribute]) -> DefinitionsApplied:
    with ground.database.transaction() as connection:
        return save_definitions(connection, wanted, now=read_clock(connection))
