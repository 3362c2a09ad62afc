"""A dry run shows what would change; a file's report says what it was worth; maps are found again."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import select, text

from database.engine import Database
from database.member_tables import identifiers
from database.tables import members
from language.problems import InputRefused
from members.definitions import load_definitions, read_definitions, save_definitions
from members.erasure.erasing import erase_data
from members.import_maps import AccountsMap, MemberMap, mapped_by_header
from members.importing import MembersImported, import_members
from members.misspellings import likely_domain
from members.saved_maps import ChosenMap, SavedMap, choose_map, save_map
from members.text_files import look_through
from tests.workbooks import make_workbook

NOW = datetime(2026, 8, 1, 2, 0, tzinfo=UTC)
EXAMPLES = Path(__file__).resolve().parents[2] / "config" / "examples" / "import_map"
Import = Callable[..., MembersImported]


@pytest.fixture
def run(database: Database, tmp_path: Path) -> Import:
    def importing(words: str, **more: object) -> MembersImported:
        path = tmp_path / "members.csv"
        path.write_text(words, encoding="utf-8")
        return import_members(
            database, path, now=NOW, secret=b"s" * 32, zone=ZoneInfo("Asia/Shanghai"), **more  # type: ignore[arg-type]
        )

    return importing


def test_a_dry_run_shows_new_and_changed_members_with_their_fields(run: Import) -> None:
    run("key,name,tier,phone\nA1,王芳,gold,13800001234\nA2,李雷,gold,13900001234\nA3,same,gold,\n")

    done = run("key,name,tier,phone\nA1,王芳,silver,13700001234\nA4,new,,\nA3,same,gold,\nA2,李雷,,13800001234\n,x,,\n", dry_run=True)

    assert (done.new, done.changed, done.unchanged, done.refused) == (1, 2, 1, 1)
    assert done.trial is not None
    found = {one.key: (one.line, one.new, dict(one.fields)) for one in done.trial.samples}
    assert found == {
        "A4": (3, True, {"name": (None, "new")}),
        "A1": (2, False, {"tier": ("gold", "silver"), "addresses.sms": ("+8613800001234", "+8613700001234")}),
        "A2": (5, False, {"addresses.sms": ("+8613900001234", "+8613800001234")}),
    }


def test_a_dry_run_counts_who_would_merge(run: Import) -> None:
    run("key,phone,email,card\nA1,13800001234,a@example.com,C1\nA2,010-62345678,,\n")

    words = "key,phone,email,card\nB1,138 0000 1234,,\nB2,,A@example.com,\nB3,,,C1\nB4,010-62345678,,\nA1,13800001234,,\n"
    done = run(words, dry_run=True)

    assert done.trial is not None
    assert done.trial.would_merge == 3
    assert [(one.key, one.other_key, one.matched_by) for one in done.trial.likenesses] == [
        ("B1", "A1", "sms"),
        ("B2", "A1", "email"),
        ("B3", "A1", "card"),
    ]


def test_a_unionid_that_is_anothers_too_is_listed_and_kept_for_both(
    database: Database, run: Import, tmp_path: Path
) -> None:
    mapping = MemberMap(key="key", name="name", unionid="u", card="c", accounts=AccountsMap(unionid="main"))
    assert run("key,name,u,c\nA1,a,U1,C1\nA2,b,,C2\n", mapping=mapping).shared_identifiers == 0

    done = run("key,name,u,c\nB1,x,U1,C3\nA2,y,,C2\n", mapping=mapping, errors=tmp_path / "errors.csv")

    assert (done.new, done.changed, done.shared_identifiers, done.refused) == (1, 1, 1, 0)
    assert "2,unionid,U1,the member A1 has this too" in (tmp_path / "errors.csv").read_text(encoding="utf-8-sig")
    with database.transaction() as connection:
        held = select(members.c.key, identifiers.c.kind, identifiers.c.account, identifiers.c.value)
        rows = connection.execute(held.join(identifiers, identifiers.c.member_id == members.c.id)).all()
        assert {tuple(row) for row in rows} == {
            ("A1", "unionid", "main", "U1"),
            ("A1", "card", "", "C1"),
            ("A2", "card", "", "C2"),
            ("B1", "card", "", "C3"),
            ("B1", "unionid", "main", "U1"),
        }


def test_the_report_says_what_the_file_was_worth_before_and_after_cleaning(run: Import) -> None:
    rows = ["key,phone,email"]
    rows += [f"A{number},1380000{number:04},a{number}@example.com" for number in range(90)]
    rows += ["B1,138 0000 9999,", "B2,,B@Example.com", "B3,１３９００００００００,", "B4,+86 13911110000,b4@gmial.com"]
    rows += ["B5,010-62345678,", "B6,10086,bad@@x", "A1,13800000001,", ",x,", "B7,13800000002,a2@example.com", "B8,,"]

    report = run("\n".join(rows) + "\n").report

    assert (report.rows, report.refused, report.cleaned, report.with_unusable, report.misspelt) == (100, 1, 4, 2, 1)
    assert report.unusable == {"email not_an_address": 1, "sms not_a_mobile": 1, "sms short_code": 1}
    assert report.repeated == {"key": 1, "phone": 1, "email": 1}
    assert (report.share_before, report.share_after) == (0.07, 0.03)


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        *((one, "gmail.com") for one in ("gmial.com", "gmai.com", "gmail.con", "gmail.cm", "gmaill.com", "gnail.com")),
        *((one, "163.com") for one in ("163.con", "163.cm", "163.cn")),
        *((one, "qq.com") for one in ("qq.cm", "qq.con", "qq.comm")),
        ("hotmial.com", "hotmail.com"),
        ("outlok.com", "outlook.com"),
        ("foxmial.com", "foxmail.com"),
        *((one, None) for one in ("gmail.com", "mail.com", "sina.cn", "vip.qq.com", "aq.com", "136.com", "line.com")),
        *((one, None) for one in ("example.com", "gmail.example.com", "tidings.cn")),
    ],
)
def test_a_slip_of_the_finger_in_a_provider_is_seen_and_real_domains_are_not(written: str, meant: str | None) -> None:
    assert likely_domain(written) == meant


def test_a_misspelt_mailbox_is_flagged_and_used(database: Database, run: Import) -> None:
    done = run("key,email\n1,Fang@gmial.com\n")
    assert [problem.told() for problem in done.problems] == [
        "2:email: the mailbox is used but looks misspelt; did the member mean fang@gmail.com?"
    ]
    with database.transaction() as connection:
        assert connection.execute(text("SELECT address, problem FROM addresses")).one() == ("fang@gmial.com", None)


def test_neither_an_import_nor_its_repetition_can_touch_consent_without_proof(
    database: Database, run: Import, tmp_path: Path
) -> None:
    for mapping in ("{key: key, consent_sms: sms}", "{key: key, consent_sms: sms, consent: {source: form}}"):
        path = tmp_path / "map.yaml"
        path.write_text(mapping, encoding="utf-8")
        with database.transaction() as connection, pytest.raises(InputRefused, match="a yes without its proof is none: with consent_sms"):
            choose_map(connection, look_through(path), str(path))
    for words in ("key,consent_sms,短信同意,同意时间\n1,yes,是,2026-01-01\n", "key,consent_sms,同意\n1,no,否\n"):
        assert run(words).consents == 0
    dated = MemberMap(key="key", consent_sms="sms", consent_at="at")
    done = run("key,sms,at\n1,yes,2026-01-01\n2,yes,\n3,no,\n", mapping=dated)
    assert (done.consents, done.refused, done.new) == (2, 0, 2)
    assert [problem.line for problem in done.problems] == [3]


def test_a_saved_map_is_used_by_name_and_by_a_header_seen_before(database: Database, tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("编;电话\n1;13800001234\n", encoding="utf-8")
    mapping = MemberMap(key="编", phone="电话")
    with database.transaction() as connection:
        save_map(connection, "cash-desk", mapping, ["编", "电话"], now=NOW)
        assert choose_map(connection, look_through(path), "cash-desk").mapping == mapping
        assert choose_map(connection, look_through(path), None) == ChosenMap(
            mapping=mapping, name="cash-desk", by_header=True
        )
        path.write_text("编;手机\n1;13800001234\n", encoding="utf-8")
        assert choose_map(connection, look_through(path), None) == ChosenMap()
        with pytest.raises(InputRefused, match=r"there is no map cash; expected a map file .* or one of cash-desk"):
            choose_map(connection, look_through(path), "cash")


def test_the_example_maps_can_be_kept_and_read_again(database: Database) -> None:
    wanted = read_definitions(EXAMPLES, SavedMap)
    with database.transaction() as connection:
        assert save_definitions(connection, wanted, now=NOW).new == tuple(one.name for one in wanted)
        assert list(load_definitions(connection, SavedMap).values()) == wanted
        assert save_definitions(connection, wanted, now=NOW).unchanged == tuple(one.name for one in wanted)


def test_a_card_number_is_the_key_only_where_nothing_else_is() -> None:
    assert mapped_by_header(["卡号", "姓名"]).columns() == {"key": "卡号", "name": "姓名"}
    assert mapped_by_header(["卡号", "会员号"]).columns() == {"key": "会员号", "card": "卡号"}


def test_a_workbook_of_members_goes_in_with_the_rows_it_shows(database: Database, tmp_path: Path) -> None:
    path = make_workbook(
        tmp_path / "m.xlsx",
        {"会员": [(2, ["会员号", "手机", "生日"]), (3, [("n", "1001"), ("n", "1.3800001234E10"), ("n", "33000", 1)]), (5, [None, "x"])]},
    )
    done = import_members(database, path, now=NOW, secret=b"s" * 32, zone=ZoneInfo("Asia/Shanghai"))
    assert (done.new, done.refused, [problem.line for problem in done.problems]) == (1, 1, [5])
    with database.transaction() as connection:
        row = connection.execute(select(members)).one()
        assert (row.key, row.birth_year, row.birth_month, row.birth_day) == ("1001", 1990, 5, 7)
        assert connection.scalar(text("SELECT address FROM addresses")) == "+8613800001234"


def test_what_a_merged_row_is_told_lands_where_its_person_is(database: Database, run: Import) -> None:
    mapping = MemberMap(key="key", name="name", phone="phone", card="card")
    run("key,name,phone,card\nA1,a,,C1\nA2,b,,\nA3,c,,C9\n", mapping=mapping)
    with database.transaction() as connection:
        connection.execute(text("UPDATE members SET merged_into = 1 WHERE key = 'A2'"))
    words = "key,name,phone,card\nA2,new,13800001234,C9\n"

    tried = run(words, mapping=mapping, dry_run=True)
    done = run(words, mapping=mapping)

    assert (tried.changed, done.changed, done.shared_identifiers) == (1, 1, 1)
    assert tried.trial is not None
    assert [(one.key, one.line) for one in tried.trial.samples] == [("A1", 0)]
    with database.transaction() as connection:
        assert connection.scalar(text("SELECT name FROM members WHERE key = 'A1'")) == "new"
        assert connection.scalar(text("SELECT member_id FROM addresses")) == 1
        assert set(connection.execute(text("SELECT value FROM identifiers WHERE member_id = 1")).scalars()) == {"C1", "C9"}


def test_a_card_that_a_row_of_the_same_person_has_is_nobody_elses(database: Database, run: Import) -> None:
    run("key,card\nA1,C1\nA2,C1\n", mapping=MemberMap(key="key", card="card"))
    with database.transaction() as connection:
        connection.execute(text("UPDATE members SET merged_into = 1 WHERE key = 'A2'"))
    assert run("key,name,card\nA1,x,C1\n", mapping=MemberMap(key="key", name="name", card="card")).shared_identifiers == 0


def test_who_is_like_a_row_is_shown_with_what_they_share(run: Import) -> None:
    run("key,phone,email\nA1,13800001234,\nA2,,a@example.com\n")
    trial = run("key,phone,email\nB1,13800001234,a@example.com\n", dry_run=True).trial
    assert trial is not None
    assert [(one.key, one.other_key, one.matched_by) for one in trial.likenesses] == [("B1", "A1", "sms")]


def test_a_key_told_twice_is_shown_as_it_would_be_saved(run: Import) -> None:
    done = run("key,name,phone\nA1,王芳,\nA1,,13800001234\n", dry_run=True)

    assert done.trial is not None
    assert [(one.line, dict(one.fields)) for one in done.trial.samples] == [
        (2, {"name": (None, "王芳"), "phone": (None, "13800001234")})
    ]


def test_rows_of_somebody_erased_are_counted_as_refused_and_as_nothing_else(database: Database, run: Import) -> None:
    run("key,phone\nA1,13800001234\n")
    with database.transaction() as connection:
        ids = connection.execute(select(members.c.id)).scalars().all()
        erase_data(connection, ids, reason="", secret=b"s" * 32, now=NOW)

    done = run("key,phone,email\nA1,10086,a@gmial.com\nA2,138 0000 5678,\nA3,13900005678,\nA4,13900005679,\n")

    told = done.report
    assert (done.refused, told.refused, told.cleaned, told.with_unusable, told.misspelt) == (1, 1, 1, 0, 0)
    assert (dict(told.unusable), done.unusable_addresses) == ({}, 0)
    assert (told.share_before, told.share_after) == (0.5, 0.25)
