"""Whatever a command is given that it cannot use, it says so in the user's language, by file and name, and never with a traceback."""

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command

from console.command import assemble, every_command, run
from database.engine import Database

EXAMPLES = Path(__file__).resolve().parents[2] / "config" / "examples"
FAMILIES = (
    "consent", "facts", "sources", "attributes", "tiers", "points", "occasions", "segments", "stores", "coupons",
    "surveys", "rfm", "predictions", "together", "clusters", "members", "events",
)  # fmt: skip

#: Files that no command can use; None: there is no such file.
FILES: dict[str, bytes | None] = {
    "missing.yaml": None,
    "empty.yaml": b"",
    "bytes.yaml": bytes(range(128, 256)) * 4,
    "wide.yaml": "coupon: 你好\n".encode("utf-16"),
    "broken.yaml": b"coupon: [1, 2\nother: }\n",
    "list.yaml": b"- 1\n- 2\n",
    "unknown.yaml": b"colour: red\n",
    "zero.yaml": b"a: \x00b\n",
}
#: What is given where a command asks for more than a name; nobody has any of these.
GIVEN = {
    "member": "nobody", "first": "nobody", "second": "nobody", "channel": "sms", "source": "counter", "type_": "colour", "key": "k",
    "token": "https://x.example/o/AAAA", "amount": "1", "number": "7", "identifier": "7", "latitude": "1", "longitude": "1",
    "decision": "apart", "tags": "+vip",
}  # fmt: skip
BESIDES = {"members erase": ("--yes",), "consent record": ("--yes",)}
#: Commands whose refusal names neither: a link is a secret, and there are no orders to learn from.
UNNAMED = frozenset({"consent confirm", "predictions check"})
#: Files that commands write.
WRITTEN = frozenset({"errors", "output", "plot", "csv_file"})
ENGLISH = re.compile(r"[A-Za-z]{2,}(?: [A-Za-z]{2,}){2,}")


def commands() -> dict[str, Any]:
    """Return every command of these families, by the words that call it."""
    found = {path.removeprefix("tidings "): each for first in FAMILIES for path, each in every_command(get_command(assemble(first)))}
    return {path: each for path, each in found.items() if path.split()[0] in FAMILIES and not hasattr(each, "commands")}


COMMANDS = commands()


def files_of(path: str) -> list[Any]:
    """Return the files that a command reads."""
    return [each for each in COMMANDS[path].params if "Path" in str(each.type_descriptor.annotation) and each.name not in WRITTEN]


def called(path: str, given: dict[str, str]) -> list[str]:
    """Return the words that call a command with these values, and with what nobody has for all else that it needs."""
    words = [*path.split(), *BESIDES.get(path, ())]
    for each in COMMANDS[path].params:
        if each.name not in given and each.param_type_name == "option" and not each.required:
            continue
        value = given.get(each.name, GIVEN.get(each.name, "nothing"))
        words += [value] if each.param_type_name == "argument" else [max(each.opts, key=len), value]
    return words


def english_in(said: str, words: Sequence[str]) -> list[str]:
    """Find English sentences; what was typed, where files lie, commands and what stands in quotes are none."""
    for word in sorted(words, key=len, reverse=True):
        said = said.replace(word, "…")
    return ENGLISH.findall(re.sub(r"tidings(?: [a-z]+)+|'[^']*'|[\w./-]*/[\w./-]*", "…", said))


@pytest.fixture
def installation(database: Database, redis_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TIDINGS_DATABASE_URL", database.url.render_as_string(hide_password=False))
    monkeypatch.setenv("TIDINGS_REDIS_URL", redis_url)
    monkeypatch.setenv("TIDINGS_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("TIDINGS_LANGUAGE", "zh")
    return tmp_path


def bad_files(folder: Path) -> Iterator[Path]:
    for name, content in FILES.items():
        if content is not None:
            (folder / name).write_bytes(content)
        yield folder / name
    (folder / "folder").mkdir()
    yield folder / "folder"


@pytest.mark.parametrize("path", [path for path in COMMANDS if files_of(path)])
def test_a_file_that_cannot_be_used_is_refused_by_its_name(path: str, installation: Path, capsys: pytest.CaptureFixture[str]) -> None:
    beside = installation / "good.csv"
    beside.write_text("member,kind,occurred_at,key\n", encoding="utf-8")
    if path == "coupons import":
        assert run(["coupons", "apply", str(EXAMPLES / "coupons"), "--json"]) == 0
    wrong = {}
    for file in bad_files(installation):
        for at in files_of(path):
            words = called(path, {"pool": "spring-20", **{each.name: str(beside) for each in files_of(path) if each.required}, at.name: str(file)})
            status, said = run(words), capsys.readouterr()
            if status not in (1, 2) or not (file.name in said.err or "nobody" in said.err) or english_in(said.out + said.err, words):
                wrong[file.name, at.name] = (status, said.out + said.err)

    assert wrong == {}


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("path", [path for path in COMMANDS if not files_of(path) or "nobody" in called(path, {})])
def test_what_nobody_has_is_refused_by_its_name(
    path: str, language: str, installation: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("TIDINGS_LANGUAGE", language)
    words = called(path, {})

    status, said = run(words), capsys.readouterr()

    assert status in (0, 2)
    assert (said.err != "") is (status == 2) or "facts rebuild" in path
    assert language == "en" or english_in(said.out + said.err, words) == [] or path == "segments schema"
    if status == 2 and path not in UNNAMED:  # Either what was named, or which command comes first.
        assert [word for word in (*words[1:], f"tidings {words[0]}") if word in said.err] != []
