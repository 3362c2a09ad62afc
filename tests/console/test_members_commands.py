"""``tidings members`` and ``tidings consent``: who is who, what was agreed to, and what somebody may ask of us."""

import json
from pathlib import Path

import pytest
import requests
from sqlalchemy import text
from typer.testing import CliRunner, Result

from console.command import assemble
from database.engine import Database, read_clock
from members.consent import withdraw
from members.double_opt_in import request_opt_in
from templates.links import opt_in_token
from tests.listening import ListeningSide

MEMBERS = """会员号,姓名,手机,微信unionid,短信同意
1001,王芳,13800000001,,是
1002,王芳,138 0000 0001,,否
1003,李明,13800000001,,
1004,,13900000002,u-77,
1005,赵敏,13700000003,u-77,是
"""
MAP = "key: 会员号\nname: 姓名\nphone: 手机\nconsent_sms: 短信同意\nattributes: {unionid: 微信unionid}\nconsent: {source: card, text_version: '1'}\n"


class Asking:
    """Runs the commands against the test's own database."""

    def __init__(self, database: Database, redis_url: str, home: Path) -> None:
        self.home = home
        self.env = {
            "TIDINGS_DATABASE_URL": database.url.render_as_string(hide_password=False),
            "TIDINGS_REDIS_URL": redis_url,
            "TIDINGS_HOME": str(home),
            "TIDINGS_LANGUAGE": "en",
        }

    def __call__(self, *arguments: str, language: str = "en") -> Result:
        return CliRunner().invoke(assemble(arguments[0]), list(arguments), env=self.env | {"TIDINGS_LANGUAGE": language})

    def told(self, *arguments: str) -> object:
        answer = self(*arguments, "--json")
        assert answer.exit_code == 0, answer.output
        return json.loads(answer.stdout)


@pytest.fixture
def ask(database: Database, redis_url: str, tmp_path: Path) -> Asking:
    asking = Asking(database, redis_url, tmp_path / "home")
    for name, words in (("members.csv", MEMBERS), ("map.yaml", MAP)):
        (tmp_path / name).write_text(words, encoding="utf-8")
    assert asking("members", "import", str(tmp_path / "members.csv"), "--map", str(tmp_path / "map.yaml")).exit_code == 0
    return asking


def test_of_two_merged_by_hand_the_row_that_joined_first_stays(ask: Asking, database: Database) -> None:
    with database.transaction() as connection:
        days = {"1001": "2024-05-01", "1002": "2023-05-01", "1003": None, "1004": None}
        for key, day in days.items():
            connection.execute(text("UPDATE members SET joined_at = :day WHERE key = :key"), {"day": day, "key": key})

    for first, second in (("1001", "1002"), ("1004", "1003"), ("1003", "1001")):
        assert "1 merges" in ask("members", "merge", first, second).output

    merges = ask.told("members", "merges")
    assert isinstance(merges, list)
    assert [(each["kept"], each["gone"]) for each in merges] == [("1002", "1003"), ("1003", "1004"), ("1002", "1001")]


def test_every_heading_of_what_is_kept_of_a_member_is_in_chinese(ask: Asking) -> None:
    ask("consent", "request", "1001", "--channel", "sms", "--source", "website")
    ask("consent", "record", "1001", "--channel", "sms", "--source", "counter", "--yes")

    page = ask("members", "show", "1001", language="zh").output
    headings = [head.strip() for line in page.splitlines() if line.startswith("┃") for head in line.strip("┃").split("┃")]

    assert len(headings) > 20
    assert [head for head in headings if head.isascii() and head] == []


def test_the_certain_are_merged_the_others_decided_and_all_of_it_taken_back(ask: Asking) -> None:
    found = ask.told("members", "duplicates")
    assert isinstance(found, list)
    assert {(each["kept"], each["gone"], each["matched_by"], each["problem"]) for each in found} == {
        ("1001", "1002", "sms", None), ("1001", "1003", "sms", "name"), ("1002", "1003", "sms", "name"),
        ("1004", "1005", "unionid", None),
    }  # fmt: skip
    assert "2 merges" in ask("members", "merge", "--certain").output
    conflicts = ask.told("members", "conflicts", "list")
    assert isinstance(conflicts, list)
    assert [(each["first_key"], each["second_key"], each["problem"]) for each in conflicts] == [("1001", "1003", "name")]
    assert ask("members", "conflicts", "decide", str(conflicts[0]["id"]), "apart").exit_code == 0
    assert "0 merges" in ask("members", "merge", "--certain").output
    merges = ask.told("members", "merges")
    assert isinstance(merges, list)
    assert [(each["kept"], each["gone"], each["decided_by"]) for each in merges] == [("1004", "1005", "command line"), ("1001", "1002", "command line")]
    assert ask("members", "unmerge", str(merges[1]["id"])).exit_code == 0
    assert "1 merges" in ask("members", "merge", "1002", "1001", "--keep", "1002", "--by", "Ms Lin").output


REFUSED = [
    (("members", "merge"), "name two members to merge, or --certain"),
    (("members", "merge", "1001"), "name two members to merge, or --certain"),
    (("members", "merge", "1001", "1002", "--certain"), "name two members to merge, or --certain"),
    (("members", "merge", "1001", "9"), "there is no member 9"),
    (("members", "merge", "1001", "1001"), "one row already"),
    (("members", "merge", "1001", "1002", "--keep", "1003"), "expected 1001 or 1002"),
    (("members", "unmerge", "7"), "there is no merge 7"),
    (("members", "conflicts", "decide", "7", "apart"), "there is no conflict 7"),
    (("members", "conflicts", "decide", "7", "maybe"), "expected merge or apart"),
    (("members", "erase"), "name a member to erase"),
    (("members", "erase", "1001"), "Say --yes"),
    (("members", "erase", "9", "--yes"), "there is no member 9"),
    (("members", "erase", "--again", "--yes", "--log", "nowhere.jsonl"), "nowhere.jsonl: the file cannot be read"),
    (("members", "readmit", "1001"), "nobody of the key 1001 was erased"),
    (("members", "export", "9"), "there is no member 9"),
    (("consent", "record", "1001", "--channel", "fax", "--source", "x", "--yes"), "fax and marketing are no channel"),
    (("consent", "record", "1001", "--channel", "sms", "--source", "x"), "say --yes or --no"),
    (("consent", "record", "1001", "--channel", "sms", "--source", "link", "--no"), "link is what we write ourselves"),
    (("consent", "request", "1001", "--channel", "sms", "--purpose", "spam", "--source", "x"), "sms and spam are no channel"),
    (("consent", "confirm", "https://example.com/o/AAAA"), "this link is none of ours"),
]


def test_what_cannot_be_done_is_refused_in_words(ask: Asking) -> None:
    answers = {words: ask(*words) for words, _ in REFUSED}

    assert {words for words, answer in answers.items() if answer.exit_code != 2} == set()
    assert [sentence for words, sentence in REFUSED if sentence not in answers[words].output] == []
    assert "没有合并 7" in ask("members", "unmerge", "7", language="zh").output


def test_a_log_of_erasures_that_is_none_is_refused_by_its_line(ask: Asking, tmp_path: Path) -> None:
    file = tmp_path / "log.jsonl"
    file.write_text('{"member_id": 1}\nnot json\n', encoding="utf-8")

    answer = ask("members", "erase", "--again", "--yes", "--log", str(file))

    assert answer.exit_code == 2
    assert "log.jsonl:1" in answer.output
    assert "log.jsonl:2" in answer.output


def test_a_member_is_handed_out_erased_kept_out_and_let_in_again(ask: Asking, database: Database, tmp_path: Path) -> None:
    copy = tmp_path / "copy.json"
    assert ask("members", "merge", "1001", "1002").exit_code == 0
    assert ask("members", "export", "1002", "--output", str(copy)).exit_code == 0
    assert copy.stat().st_mode & 0o077 == 0
    assert "the file cannot be written" in ask("members", "export", "1002", "--output", str(tmp_path)).output
    assert len((ask.home / "exports.jsonl").read_text(encoding="utf-8").splitlines()) == 1
    told = json.loads(copy.read_text(encoding="utf-8"))
    assert told["member"] == "1001"
    assert {row["key"] for row in told["tables"]["members"]} == {"1001", "1002"}
    assert told["tables"]["addresses"][0]["address"] == "+8613800000001"
    assert {row["granted"] for row in told["tables"]["consents"]} == {True, False}

    assert "2 rows of members erased" in ask("members", "erase", "1001", "--yes", "--reason", "asked for by letter").output
    again = tmp_path / "again.csv"
    again.write_text(MEMBERS.replace("1003", "1006"), encoding="utf-8")
    counts = ask.told("members", "import", str(again), "--map", str(tmp_path / "map.yaml"))
    assert isinstance(counts, dict)
    assert counts["new"] == 1
    assert any("1001" not in problem and "was erased" in problem for problem in counts["problems"])
    assert ask("members", "show", "1001").exit_code == 2
    with database.transaction() as connection:
        stopped = connection.execute(text("SELECT reason FROM suppressions")).scalars().all()
    assert stopped == [], "1003 has the number too, so it is theirs"
    assert ask("members", "readmit", "1001").exit_code == 0
    again.write_text(MEMBERS.replace("1003", "1007"), encoding="utf-8")
    counts = ask.told("members", "import", str(again), "--map", str(tmp_path / "map.yaml"))
    assert isinstance(counts, dict)
    assert counts["new"] == 2


def test_who_a_restored_copy_brings_back_is_erased_by_the_log_beside_the_secret(ask: Asking, database: Database, tmp_path: Path) -> None:
    assert ask("members", "erase", "1005", "--yes").exit_code == 0
    assert "1 entries written" in ask("members", "erasures", "--output", str(tmp_path / "log.jsonl")).output
    with database.transaction() as connection:  # As an old copy would have it.
        connection.execute(text("UPDATE members SET key = '1005', erased_at = NULL WHERE erased_at IS NOT NULL"))
        connection.execute(text("DELETE FROM erasures"))
    assert ask("members", "show", "1005").exit_code == 0

    assert "1 rows of members erased" in ask("members", "erase", "--again", "--yes").output
    assert ask("members", "show", "1005").exit_code == 2
    assert "0 rows of members erased" in ask("members", "erase", "--again", "--yes", "--log", str(tmp_path / "log.jsonl")).output


def _forget(database: Database, key: str) -> None:
    """Make the database as an old copy would be, from before the member of this number came in."""
    with database.transaction() as connection:
        connection.execute(text("SET LOCAL session_replication_role = replica"))
        for table in ("erasures", "suppressions", "addresses", "identifiers", "touched_members"):
            connection.execute(text(f"DELETE FROM {table}"))
        connection.execute(text("DELETE FROM members WHERE key = :key OR erased_at IS NOT NULL"), {"key": key})


def _take_in(ask: Asking, folder: Path) -> int:
    """Tell the file again, and return how many came in as new."""
    file = folder / "nightly.csv"
    file.write_text(MEMBERS + f"{9000 + len(list(folder.iterdir()))},,,,\n", encoding="utf-8")
    counts = ask.told("members", "import", str(file), "--map", str(folder / "map.yaml"))
    assert isinstance(counts, dict)
    return int(counts["new"]) - 1


def test_who_came_in_after_the_copy_and_was_erased_is_not_taken_in_again(ask: Asking, database: Database, tmp_path: Path) -> None:
    assert ask("members", "erase", "1005", "--yes").exit_code == 0
    _forget(database, "1005")

    answer = ask("members", "erase", "--again", "--yes")

    assert "1 erasures put back" in answer.output
    assert "0 rows of members erased" in answer.output
    assert _take_in(ask, tmp_path) == 0
    with database.transaction() as connection:
        assert connection.execute(text("SELECT member_id FROM erasures")).scalars().all() == [None]
        assert connection.execute(text("SELECT reason FROM suppressions")).scalars().all() == ["erased"]
    assert "0 erasures put back" in ask("members", "erase", "--again", "--yes").output
    assert isinstance(ask.told("members", "erasures"), list)


def test_who_was_let_in_again_is_not_refused_by_a_restored_copy(ask: Asking, database: Database, tmp_path: Path) -> None:
    assert ask("members", "erase", "1005", "--yes").exit_code == 0
    assert ask("members", "readmit", "1005").exit_code == 0
    _forget(database, "1005")

    assert ask("members", "erase", "--again", "--yes").exit_code == 0
    assert _take_in(ask, tmp_path) == 1
    with database.transaction() as connection:
        assert connection.execute(text("SELECT count(*) FROM suppressions")).scalar_one() == 0


def test_what_a_crash_left_of_the_last_line_of_the_log_is_passed_over_and_gives_way(ask: Asking, tmp_path: Path) -> None:
    log = ask.home / "erasures.jsonl"
    assert ask("members", "erase", "1005", "--yes").exit_code == 0
    with log.open("ab") as file:
        file.write('{"member_id": 4, "reason": "问'.encode()[:-1])

    assert ask("members", "erase", "--again", "--yes").exit_code == 0
    assert ask("members", "erase", "1003", "--yes").exit_code == 0
    assert len(log.read_text(encoding="utf-8").splitlines()) == 2
    log.write_bytes(b"\xff\xfe\n")
    assert "erasures.jsonl:1" in ask("members", "erase", "--again", "--yes").output.replace("\n", "")


def test_a_wish_counts_only_once_it_is_confirmed(ask: Asking) -> None:
    wish = ask.told("consent", "request", "1004", "--channel", "sms", "--source", "website", "--text-version", "7")
    assert isinstance(wish, dict)
    assert ask.told("consent", "show", "1004") == []
    assert "Confirmed." in ask("consent", "confirm", wish["link"]).output
    assert "nothing changed" in ask("consent", "confirm", wish["link"]).output
    assert ask("consent", "record", "1004", "--channel", "sms", "--source", "counter", "--no").exit_code == 0
    assert "nothing changed" in ask("consent", "confirm", wish["link"]).output
    rows = ask.told("consent", "show", "1004")
    assert isinstance(rows, list)
    assert [(row["granted"], row["source"], row["stands"]) for row in rows] == [(False, "counter", True), (True, "double opt-in", False)]
    assert rows[1]["text_version"] == "7"


def test_the_log_is_verified_and_a_forged_line_is_named(ask: Asking, database: Database) -> None:
    whole = ask.told("consent", "verify")
    assert isinstance(whole, dict)
    assert whole["consents"] == 3
    assert ask("consent", "verify", "--noted", str(whole["head"])).exit_code == 0
    assert ask("consent", "verify", "--noted", "ab" * 32).exit_code == 1
    with database.transaction() as connection:
        connection.execute(text("SET LOCAL session_replication_role = replica"))
        connection.execute(text("UPDATE consents SET granted = true"))

    verified, examined = ask("consent", "verify"), ask("doctor", "--json")

    assert verified.exit_code == 1
    assert "link 1 of" in verified.output
    finding = next(each for each in json.loads(examined.stdout)["findings"] if each["name"] == "consent log")
    assert (finding["level"], "link 1 of" in finding["found"]) == ("error", True)


@pytest.fixture
def wish_link(side: ListeningSide) -> str:
    """Return the link by which the member ``7`` confirms a wish for text messages."""
    with side.application.database.transaction() as connection:
        member_id = connection.execute(text("INSERT INTO members (key) VALUES ('7') RETURNING id")).scalar_one()
        wish = request_opt_in(connection, member_id, "sms", source="website", now=read_clock(connection))
    return f"{side.url}/o/{opt_in_token(side.application.secret, member_id, wish.id)}"


def _answers(side: ListeningSide) -> list[tuple[str, bool]]:
    with side.application.database.transaction() as connection:
        return [tuple(row) for row in connection.execute(text("SELECT channel, granted FROM consents"))]


def test_opening_the_link_of_a_wish_changes_nothing_and_its_button_does(side: ListeningSide, wish_link: str) -> None:
    page = requests.get(wish_link, timeout=10)
    requests.head(wish_link, timeout=10)
    assert "确认订阅" in page.text
    assert "Confirm" in page.text
    assert _answers(side) == []

    for _ in range(2):
        assert requests.post(wish_link, data={"confirm": "yes"}, timeout=10).status_code == 200
    assert _answers(side) == [("sms", True)]
    with side.application.database.transaction() as connection:
        member_id = connection.execute(text("SELECT id FROM members")).scalar_one()
        withdraw(connection, member_id, "sms", source="link", now=read_clock(connection))
    assert requests.post(wish_link, data={"confirm": "yes"}, timeout=10).status_code == 410


def test_a_link_that_is_none_or_too_old_or_of_somebody_erased_confirms_nothing(side: ListeningSide, wish_link: str) -> None:
    assert requests.post(f"{wish_link[:-4]}AAAA", timeout=10).status_code == 404
    for change, answer in (
        ("UPDATE events SET properties = properties || '{\"expires_at\": \"2020-01-01T00:00:00+00:00\"}'", 410),
        ("UPDATE events SET properties = '{}'", 404),
    ):
        with side.application.database.transaction() as connection:
            connection.execute(text(change.replace(":00", r"\:00")))
        assert requests.post(wish_link, timeout=10).status_code == answer
    assert _answers(side) == []


def test_a_log_that_is_no_text_and_a_file_that_cannot_be_written_are_refused_in_words(ask: Asking, tmp_path: Path) -> None:
    (tmp_path / "log.jsonl").write_bytes(b"\xff\xfe\xff")

    read = ask("members", "erase", "--again", "--yes", "--log", str(tmp_path / "log.jsonl"), language="zh")
    written = [ask("members", *words, "--output", str(tmp_path), language="zh") for words in (("erasures",), ("export", "1001"))]

    assert (read.exit_code, "log.jsonl: 文件必须是 UTF-8 文本" in read.output) == (2, True)
    assert [(answer.exit_code, f"{tmp_path}: 文件无法写入：这是文件夹，不是文件" in answer.output) for answer in written] == [(2, True)] * 2
