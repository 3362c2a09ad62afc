"""``tidings templates``: which words there are, what is wrong with them, how they read."""

import base64
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from campaigns.rendering_facts import facts_for
from config.settings import read_settings
from config.wiring import Application, installation_library, open_application
from console.output import (
    fail,
    in_words,
    language,
    print_json,
    print_table,
    run_command,
    say,
    tell_warnings,
    write_file,
)
from database.engine import read_clock
from language.problems import InputRefused, Problem, refuse
from members.attributes import defined_attributes
from members.people import find_member
from templates.attributes_said import undefined_attributes
from templates.library import Library, check_template, load_library
from templates.rendering import Rendered, RenderRefused, compile_content

app = typer.Typer(help="The words: list, check, preview.", no_args_is_help=True)

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]
Folder = Annotated[Path | None, typer.Option("--folder", help="This folder of templates instead of the installation's.")]
ASK_DICTIONARY = "Ask this installation's dictionary of attributes too."
COLUMNS = ("template", "title", "purpose", "channels", "languages", "SMS parts (zh/en)")


@app.command("list")
@run_command
def list_templates(as_json: AsJson = False, folder: Folder = None) -> None:
    """List every template with its channels, languages, facts and estimated SMS parts."""
    library = _library(folder)
    described = [_described(library, name) for name in library.names()]
    if as_json:
        print_json(described)
        return
    print_table("Templates", COLUMNS, [_row(template) for template in described])


@app.command("check")
@run_command
def check_templates(
    name: Annotated[str | None, typer.Argument(help="One template; without it, all.")] = None,
    attributes: Annotated[bool, typer.Option("--attributes", help=ASK_DICTIONARY)] = False,
    as_json: AsJson = False,
    folder: Folder = None,
) -> None:
    """Name everything wrong with templates, with file and line, and what was expected."""
    library = _library(folder)
    names = [name] if name is not None else library.names()
    checks = {checked: check_template(library.folder(checked)) for checked in names}
    defined = _defined() if attributes else frozenset()
    for checked, check in checks.items():
        check.warnings += undefined_attributes(library.folder(checked), defined)
    found = [problem for check in checks.values() for problem in check.problems]
    if as_json:
        told = {checked: [_told(problem) for problem in check.problems] for checked, check in checks.items()}
        warnings = {checked: [_told(warning) for warning in check.warnings] for checked, check in checks.items()}
        print_json({"templates": told, "problems": len(found), "warnings": warnings})
        if found:
            raise typer.Exit(2)
        return
    if found:
        raise InputRefused(found)
    for check in checks.values():
        tell_warnings(check.warnings)
    say("{count} templates checked, nothing wrong.", count=len(names))


@app.command("preview")
@run_command
def preview_template(
    name: Annotated[str, typer.Argument(help="The template.")],
    member: Annotated[str, typer.Option("--member", help="A member's key or number; their real facts are used.")],
    channel: Annotated[str | None, typer.Option("--channel", help="sms, email or wechat; without it, all.")] = None,
    spoken: Annotated[str | None, typer.Option("--language", help="zh or en instead of the member's own.")] = None,
    html: Annotated[Path | None, typer.Option("--html", help="Write the email's HTML to this file.")] = None,
    as_json: AsJson = False,
    folder: Folder = None,
) -> None:
    """Show a template as one member would get it.  Nothing is sent, and its links lead nowhere."""
    library = _library(folder)
    content = library.content(name)
    with open_application() as application:
        facts, defined = _facts(application, member)
    rendered = _rendered(content, channel, spoken or str(facts["language"]), facts)
    if html is not None:
        _write_html(html, rendered)
    if as_json:
        warnings = [_told(warning) for warning in library.warnings(name, attributes=defined)]
        shown = {each: _shown(words) for each, words in rendered.items()}
        print_json({"template": name, "channels": shown, "warnings": warnings})
        return
    tell_warnings(library.warnings(name, attributes=defined))
    for each, words in rendered.items():
        if isinstance(words, RenderRefused):
            say("{channel}: refused, {reason}", channel=each, reason=words.reason)
            continue
        rows = [(part, text) for part, text in words.parts.items() if part != "html"]
        told = {"channel": each, "language": words.language, "parts": words.billed_parts}
        print_table(in_words("{channel} · {language} · {parts} part(s)", **told), ("part", "words"), rows)
    if all(isinstance(words, RenderRefused) for words in rendered.values()):
        fail("No channel has words for this member.")


def _library(folder: Path | None) -> Library:
    return installation_library(read_settings()) if folder is None else load_library(folder)


def _defined() -> frozenset[str]:
    with open_application() as application, application.database.transaction() as connection:
        return defined_attributes(connection)


def _facts(application: Application, key: str) -> tuple[Mapping[str, object], frozenset[str]]:
    """Return what may be said about the member of this key, and the attributes that are defined."""
    with application.database.transaction() as connection:
        found = find_member(connection, key)
        ids = [found.id] if found else []
        known = facts_for(connection, ids, read_clock(connection), orders=True, loyalty=True)
        defined = defined_attributes(connection)
    if found is None or found.id not in known:
        raise refuse("there is no member {key}", key=key)
    return {**known[found.id], "brand": application.rules.brand}, defined


def _rendered(
    content: Mapping[str, object], channel: str | None, spoken: str, facts: Mapping[str, object]
) -> dict[str, Rendered | RenderRefused]:
    compiled = compile_content(content)
    if channel is not None and channel not in compiled.channels:
        raise refuse(
            "template {name} has no words for {channel}; it has {known}",
            name=compiled.name,
            channel=channel,
            known=", ".join(compiled.channels),
        )
    rendered: dict[str, Rendered | RenderRefused] = {}
    for each in [channel] if channel is not None else compiled.channels:
        try:
            rendered[each] = compiled.render(each, spoken, facts, links=compiled.sample_links())
        except RenderRefused as refused:
            rendered[each] = refused
    return rendered


def _write_html(file: Path, rendered: Mapping[str, Rendered | RenderRefused]) -> None:
    words = rendered.get("email")
    if not isinstance(words, Rendered):
        raise refuse("there is no email to write to the file", field="--html")
    html = words.parts["html"]
    for name, image in words.images.items():  # A browser knows nothing of what travels beside a mail.
        html = html.replace(f"cid:{name}", f"data:image;base64,{base64.b64encode(image).decode()}")
    write_file(file, html)


def _shown(words: Rendered | RenderRefused) -> dict[str, object]:
    if isinstance(words, RenderRefused):
        return {"refused": words.reason}
    return {
        "language": words.language,
        "parts": words.parts,
        "variables": words.variables,
        "billed_parts": words.billed_parts,
    }


def _described(library: Library, name: str) -> dict[str, Any]:
    content = library.content(name)
    compiled = compile_content(content)
    parts = {spoken: compiled.estimated_parts("sms", spoken) for channel, spoken in compiled.words if channel == "sms"}
    return {
        "name": name,
        "title": content["title"],
        "purpose": compiled.purpose,
        "channels": list(compiled.channels),
        "languages": list(compiled.languages),
        "links": dict(compiled.links),
        "facts": sorted(compiled.facts),
        "sms_parts": parts,
    }


def _row(template: Mapping[str, Any]) -> tuple[object, ...]:
    parts = "/".join(str(template["sms_parts"].get(spoken, "—")) for spoken in ("zh", "en"))
    title = template["title"].get(language()) or next(iter(template["title"].values()))
    lists = (", ".join(template[key]) for key in ("channels", "languages"))
    return (template["name"], title, in_words(template["purpose"]), *lists, parts)


def _told(problem: Problem) -> dict[str, object]:
    return {
        "file": problem.file,
        "line": problem.line,
        "field": problem.field,
        "problem": in_words(problem.sentence, **problem.values),
    }
