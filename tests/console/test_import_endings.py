"""How an import ends tells a script what became of its file."""

from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner

from console.command import assemble
from database.engine import Database

End = Callable[..., int]
EXAMPLES = Path(__file__).resolve().parents[2] / "config" / "examples"
KINDS = {
    ("members", "import"): ("key,name\n", "A1,王芳\n", ",李明\n"),
    ("events", "import"): ("member,kind,occurred_at\n", "A1,order.paid,2026-08-01\n", "A1,order.paid,yesterday\n"),
    ("coupons", "import", "spring-20"): ("code\n", "A1\n", "not a code\n"),
}  # fmt: skip


@pytest.fixture
def end(database: Database, redis_url: str, tmp_path: Path) -> End:
    """Return what runs a command and says with which status it ended."""
    env = {
        "TIDINGS_DATABASE_URL": database.url.render_as_string(hide_password=False),
        "TIDINGS_REDIS_URL": redis_url,
        "TIDINGS_HOME": str(tmp_path / "home"),
        "TIDINGS_LANGUAGE": "en",
    }
    return lambda *words: CliRunner().invoke(assemble(words[0]), [str(word) for word in words], env=env).exit_code


@pytest.mark.parametrize("as_json", [(), ("--json",)], ids=["told", "json"])
@pytest.mark.parametrize("words", KINDS, ids=" ".join)
def test_an_import_fails_where_every_row_was_refused_and_only_there(
    end: End, words: tuple[str, ...], as_json: tuple[str, ...], tmp_path: Path
) -> None:
    header, good, bad = KINDS[words]
    file = tmp_path / "rows.csv"
    assert end("coupons", "apply", EXAMPLES / "coupons") == 0
    ended = {}
    for said, rows in {"all refused": bad + bad, "some refused": good + bad, "none refused": good, "no rows": ""}.items():
        file.write_text(header + rows, encoding="utf-8")
        ended[said] = end(*words, file, *as_json)

    assert ended == {"all refused": 1, "some refused": 0, "none refused": 0, "no rows": 0}
