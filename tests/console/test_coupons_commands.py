"""``tidings coupons``: from a file to a code that is redeemed, and what is wrong said in both languages."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from console.commands.coupons import app
from database.engine import Database
from tests.makers import make_members

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = ROOT / "config" / "examples" / "coupons"


class Asking:
    """Runs the commands against the test's own database."""

    def __init__(self, database: Database, redis_url: str, home: Path) -> None:
        self.env = {
            "TIDINGS_DATABASE_URL": database.url.render_as_string(hide_password=False),
            "TIDINGS_REDIS_URL": redis_url,
            "TIDINGS_HOME": str(home),
        }

    def __call__(self, *arguments: str, language: str = "en") -> Result:
        return CliRunner().invoke(app, list(arguments), env=self.env | {"TIDINGS_LANGUAGE": language})


@pytest.fixture
def ask(database: Database, redis_url: str, tmp_path: Path) -> Asking:
    with database.transaction() as connection:
        make_members(connection, 2, channels=(), consenting=False)
    return Asking(database, redis_url, tmp_path / "home")


def test_a_coupon_goes_from_its_file_to_a_member_and_is_redeemed(ask: Asking, tmp_path: Path) -> None:
    codes = tmp_path / "codes.csv"
    codes.write_text("code\nA1\nA2\nA1\n", encoding="utf-8")

    assert json.loads(ask("apply", str(EXAMPLES), "--json").stdout)["new"] == ["birthday", "second-order", "spring-20"]
    imported = json.loads(ask("import", "spring-20", str(codes), "--json").stdout)
    given = ask("issue", "spring-20", "m1")
    again = json.loads(ask("issue", "spring-20", "m1", "--json").stdout)
    refused = ask("redeem", "A1", "m2")
    redeemed = json.loads(ask("redeem", "A1", "m1", "--json").stdout)
    listed = json.loads(ask("list", "--json").stdout)
    shown = json.loads(ask("show", "A1", "--json").stdout)

    assert (imported["new"], imported["known"], len(imported["problems"])) == (2, 1, 1)
    assert (given.stdout.strip(), again["code"], again["new"]) == ("A1", "A1", False)
    assert (refused.exit_code, "belongs to another member" in refused.output) == (1, True)
    assert (redeemed["outcome"], redeemed["cost"]) == ("redeemed", 20)
    assert [one for one in listed if one["coupon"] == "spring-20"] == [
        {"coupon": "spring-20", "title": "20 off 200 this spring", "free": 1, "open": 0, "redeemed": 1, "expired": 0, "cost": 20}
    ]
    assert [(one["state"], one["member"], one["occasion"]) for one in shown] == [("redeemed", "m1", "by hand")]
    for words in (("list",), ("show", "A1")):
        said = ask(*words, language="zh").stdout
        assert ("已核销" in said, "redeemed" in said) == (True, False)


def test_a_made_up_code_has_its_prefix_and_a_pool_without_codes_says_so(ask: Asking) -> None:
    ask("apply", str(EXAMPLES))

    assert ask("issue", "birthday", "m2").stdout.startswith("BD-")
    dry = ask("issue", "spring-20", "m2", language="zh")
    assert (dry.exit_code, "没有可发的券码" in dry.output) == (1, True)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("issue", "spring-2", "m1"), "is it spring-20?"),
        (("issue", "winter", "m1"), "there are: birthday, second-order, spring-20"),
        (("issue", "birthday", "m9"), "there is no member m9"),
        (("issue", "birthday", "m1", "--occasion", "\x07"), "an occasion is a text"),
        (("import", "birthday", "{file}"), "makes up its codes by a rule"),
        (("import", "spring-20", "nowhere.csv"), "the file cannot be read"),
        (("show", "nothing"), "no pool has the code nothing"),
        (("redeem", "nothing", "m1"), "no pool has the code nothing"),
        (("apply", "{file}"), "codes.csv"),
    ],
)
def test_what_cannot_be_done_is_said(ask: Asking, tmp_path: Path, words: tuple[str, ...], told: str) -> None:
    file = tmp_path / "codes.csv"
    file.write_text("A1\n", encoding="utf-8")
    ask("apply", str(EXAMPLES))

    done = ask(*(word.format(file=file) for word in words))

    assert (done.exit_code, told in done.output) == (2, True), done.output
