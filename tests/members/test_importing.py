"""Member files go in whole, once, whatever happens on the way and whatever stands in them."""

import csv
import gzip
import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import Connection, func, select, text

from database.engine import Database
from database.holding import hold_members
from database.member_tables import imports
from database.tables import addresses, consents, members
from language.problems import InputRefused, Problem
from members import importing
from members.consent import NewConsent, record_consents, withdraw
from members.import_ledger import BatchDone, advance_import, begin_import
from members.import_maps import ConsentMap, MemberMap, read_member_map
from members.importing import MembersImported, import_members

NOW = datetime(2026, 8, 1, 2, 0, tzinfo=UTC)
SECRET = b"s" * 32
SHANGHAI = ZoneInfo("Asia/Shanghai")
ROOT = Path(__file__).resolve().parents[2]


def write(folder: Path, words: str, *, name: str = "members.csv", encoding: str = "utf-8") -> Path:
    path = folder / name
    path.write_bytes(textwrap.dedent(words).lstrip("\n").encode(encoding))
    return path


Import = Callable[..., MembersImported]


@pytest.fixture
def run(database: Database) -> Import:
    def importing(path: Path, mapping: MemberMap | None = None, **more: object) -> MembersImported:
        return import_members(database, path, mapping=mapping, now=NOW, secret=SECRET, zone=SHANGHAI, **more)  # type: ignore[arg-type]

    return importing


def everything(connection: Connection) -> list[list[tuple[object, ...]]]:
    tables = (members, addresses, consents)
    return [[tuple(row) for row in connection.execute(select(table).order_by(table.c.id))] for table in tables]


GOOD = """
    会员号,姓名,手机号,邮箱,生日,等级,入会日期,openid,备注
    A1,王芳,138 0000 1234,Fang@Example.COM,1990-02-28,gold,2024-05-06,oXyz0123456789abcdefghijkl,好
    A2,"李,雷",１３９００００５６７８,bad@@x,3月5日,,2024/5/6 10:30,,
    A3,,010-62345678,,19880229,silver,20240506,short,
    """


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030"])
def test_common_headers_are_understood_in_every_encoding(
    database: Database, run: Import, tmp_path: Path, encoding: str
) -> None:
    done = run(write(tmp_path, GOOD, encoding=encoding))

    assert (done.new, done.refused, done.unusable_addresses, done.unused_columns) == (3, 0, 3, ("备注",))
    with database.transaction() as connection:
        rows = {row.key: row for row in connection.execute(select(members))}
        assert (rows["A1"].name, rows["A2"].name, rows["A1"].tier) == ("王芳", "李,雷", "gold")
        assert rows["A1"].joined_at == datetime(2024, 5, 6, tzinfo=SHANGHAI)
        assert rows["A2"].joined_at == datetime(2024, 5, 6, 10, 30, tzinfo=SHANGHAI)
        assert (rows["A2"].birth_year, rows["A2"].birth_month, rows["A2"].birth_day) == (None, 3, 5)
        assert (rows["A3"].birth_year, rows["A3"].birth_month, rows["A3"].birth_day) == (1988, 2, 29)
        kept = {(row.address, row.problem) for row in connection.execute(select(addresses))}
        assert kept == {
            ("+8613800001234", None),
            ("+8613900005678", None),
            ("+861062345678", "not_a_mobile"),
            ("fang@example.com", None),
            ("bad@@x", "not_an_address"),
            ("oXyz0123456789abcdefghijkl", None),
            ("short", "not_an_openid"),
        }
        assert connection.scalar(select(func.count()).select_from(consents)) == 0


def test_the_same_file_again_changes_nothing_and_a_corrected_one_only_what_differs(
    database: Database, run: Import, tmp_path: Path
) -> None:
    path = write(tmp_path, GOOD)
    run(path)
    with database.transaction() as connection:
        before = everything(connection)

    assert run(path).already
    corrected = run(
        write(tmp_path, GOOD.replace("silver", "gold").replace("138 0000 1234", "13800009999"), name="two.csv")
    )

    assert (corrected.new, corrected.changed, corrected.unchanged) == (0, 2, 1)
    with database.transaction() as connection:
        assert everything(connection) != before
        current = select(addresses.c.address, addresses.c.is_current).where(addresses.c.channel == "sms")
        assert ("+8613800001234", False) in [tuple(row) for row in connection.execute(current)]
        assert ("+8613800009999", True) in [tuple(row) for row in connection.execute(current)]


def test_another_file_with_the_same_rows_leaves_every_row_as_it_was(
    database: Database, run: Import, tmp_path: Path
) -> None:
    run(write(tmp_path, GOOD))
    with database.transaction() as connection:
        before = everything(connection)

    again = run(write(tmp_path, GOOD + "\n", name="other.csv"))

    assert (again.new, again.changed, again.unchanged) == (0, 0, 3)
    with database.transaction() as connection:
        assert everything(connection) == before


def test_columns_and_cells_that_are_missing_leave_what_is_known(
    database: Database, run: Import, tmp_path: Path
) -> None:
    run(write(tmp_path, GOOD))
    run(write(tmp_path, "key,name\nA1,\nA2,李磊\n", name="names.csv"))

    with database.transaction() as connection:
        rows = {row.key: row for row in connection.execute(select(members))}
        assert (rows["A1"].name, rows["A1"].tier, rows["A1"].birth_month) == ("王芳", "gold", 2)
        assert rows["A2"].name == "李磊"
        assert connection.scalar(select(func.count()).where(addresses.c.is_current)) == 7


def test_refused_rows_are_listed_with_line_field_value_and_reason_and_stop_no_other(
    database: Database, run: Import, tmp_path: Path
) -> None:
    path = write(
        tmp_path,
        """
        key,name,birthday,农历生日,joined_at,phone
        A1,good,1990-01-01,,,
        ,no key,,,,
        A3,bad day,1990-13-01,,,
        A4,no such day,1990-02-30,,,
        A5,too few
        A6,bad lunar,,八月四十,,
        A7,"two
        lines",1990-01-01,,yesterday,
        A8,lunar,,闰六月初一,,
        A9,formula,,,,=1+1
        """,
    )

    done = run(path, errors=tmp_path / "errors.csv", language="zh")

    assert (done.new, done.refused, done.unusable_addresses) == (3, 6, 1)
    with (tmp_path / "errors.csv").open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.reader(file))
    assert [(row[0], row[1], row[2]) for row in rows] == [
        ("line", "field", "value"),
        ("3", "key", ",no key,,,,"),
        ("4", "birthday", "1990-13-01"),
        ("5", "birthday", "1990-02-30"),
        ("6", "", "A5,too few"),
        ("7", "lunar_birthday", "八月四十"),
        ("9", "joined_at", "yesterday"),
        ("11", "phone", "'=1+1"),
    ]
    assert all(row[3] for row in rows)
    with database.transaction() as connection:
        row = connection.execute(select(members).where(members.c.key == "A8")).one()
        assert (row.birth_calendar, row.birth_month, row.birth_day, row.birth_leap_month) == ("lunar", 6, 1, True)


def test_a_dry_run_says_the_same_and_keeps_nothing(database: Database, run: Import, tmp_path: Path) -> None:
    path = write(tmp_path, GOOD)
    tried = run(path, dry_run=True)

    with database.transaction() as connection:
        assert everything(connection) == [[], [], []]
        assert connection.scalar(select(func.count()).select_from(imports)) == 0
    done = run(path)
    assert (done.new, done.unusable_addresses, done.report) == (tried.new, tried.unusable_addresses, tried.report)


def test_a_map_file_names_columns_attributes_and_consents(database: Database, run: Import, tmp_path: Path) -> None:
    mapping = read_member_map(
        write(
            tmp_path,
            """
            key: number
            phone: tel
            attributes: {city: 城市}
            consent_sms: 短信
            consent: {source: counter form, text_version: "2026-01"}
            delimiter: ";"
            """,
            name="map.yaml",
        )
    )
    path = write(tmp_path, "number;tel;城市;短信;邮件\n1;13800001234;上海;是;是\n2;;北京;否;\n3;;;;\n4;;;maybe;\n")

    done = run(path, mapping)

    assert (done.new, done.consents, done.refused) == (3, 2, 1)
    with database.transaction() as connection:
        assert connection.scalar(select(members.c.attributes).where(members.c.key == "1")) == {"city": "上海"}
        told = connection.execute(select(consents).order_by(consents.c.id)).all()
        assert [(row.channel, row.purpose, row.granted, row.source) for row in told] == [
            ("sms", "marketing", True, "counter form"),
            ("sms", "marketing", False, "counter form"),
        ]
        assert told[0].proof == {"file": "members.csv", "line": 2, "import": done.id}
        assert told[0].text_version == "2026-01"


def test_a_later_no_is_not_overruled_by_a_yes_without_a_date(database: Database, run: Import, tmp_path: Path) -> None:
    mapping = MemberMap(key="key", consent_sms="sms", consent=ConsentMap(source="form", text_version="1"))
    run(write(tmp_path, "key,sms\n1,yes\n"), mapping)
    with database.transaction() as connection:
        member = connection.scalar(select(members.c.id)) or 0
        no = NewConsent(member_id=member, channel="sms", purpose="marketing", granted=False, source="unsubscribe page")
        record_consents(connection, [no], now=NOW + timedelta(hours=1))

    assert run(write(tmp_path, "key,sms\n1,YES\n", name="later.csv"), mapping).consents == 0
    dated = MemberMap(key="key", consent_sms="sms", consent_at="at")
    assert run(write(tmp_path, "key,sms,at\n1,yes,2026-07-31\n", name="old.csv"), dated).consents == 0
    new = write(tmp_path, "key,sms,at\n1,yes,2026-08-02\n", name="new.csv")
    done = import_members(database, new, mapping=dated, now=NOW + timedelta(days=2), secret=SECRET, zone=SHANGHAI)
    assert done.consents == 1


@pytest.mark.parametrize("size", [1, 1_000])
@pytest.mark.parametrize(
    "lines",
    [
        ["1,no,2026-06-01", "1,yes,2026-01-01"], ["1,yes,2026-01-01", "1,no,2026-06-01"],
        ["1,no,", "1,yes,2026-01-01"], ["1,yes,2026-07-31", "1,no,2026-07-31"],
    ],
)  # fmt: skip
def test_of_several_answers_in_a_file_the_latest_stands_wherever_it_is(
    database: Database, run: Import, tmp_path: Path, lines: list[str], size: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importing, "CONSENTS_AT_ONCE", size)
    dated = MemberMap(key="key", consent_sms="sms", consent_at="at")
    run(write(tmp_path, "key,sms,at\n" + "\n".join(lines) + "\n"), dated)

    with database.transaction() as connection:
        assert connection.scalar(text("SELECT granted FROM consent_now")) is False


def test_an_import_of_consents_waits_for_whoever_decides_and_none_waits_in_a_ring(
    database: Database, run: Import, tmp_path: Path
) -> None:
    mapping = MemberMap(key="key", name="name", consent_sms="sms", consent=ConsentMap(source="form", text_version="1"))
    run(write(tmp_path, "key,name,sms\n1,a,\n"), mapping)
    path = write(tmp_path, "key,name,sms\n1,b,yes\n", name="second.csv")
    with ThreadPoolExecutor(1) as pool:
        with database.transaction() as connection:
            hold_members(connection, [1])
            done = pool.submit(run, path, mapping)
            time.sleep(0.3)
            connection.execute(text("SET LOCAL lock_timeout = '5s'"))
            connection.execute(text("SELECT FROM members WHERE id = 1 FOR UPDATE"))
        assert done.result(20).consents == 1


def test_a_yes_of_a_day_to_come_outlasts_no_answer(database: Database, run: Import, tmp_path: Path) -> None:
    dated = MemberMap(key="key", consent_sms="sms", consent_at="at")
    run(write(tmp_path, "key,sms,at\n1,yes,2062-01-01\n"), dated)
    with database.transaction() as connection:
        member = connection.scalar(select(members.c.id)) or 0
        assert withdraw(connection, member, "sms", source="link", now=NOW)
        assert connection.scalar(text("SELECT granted FROM consent_now")) is False
        connection.execute(text("INSERT INTO consents (member_id, channel, purpose, granted, source, occurred_at) VALUES (1, 'sms', 'marketing', true, 'x', '2062-01-01')"))
        assert withdraw(connection, member, "sms", source="link", now=NOW), "also where such a yes is kept already"
        assert connection.scalar(text("SELECT granted FROM consent_now")) is False


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "empty"),
        (b"name,phone\nx,1\n", "会员号"),
        (b"\x89PNG\r\n\x1a\n\xff\xfe\x00\xff\xff\xff", "UTF-8"),
        ("key,name\nA,王\n".encode("utf-16-le"), "会员号"),
    ],
)
def test_a_file_that_cannot_be_used_is_refused_with_its_name_and_what_was_expected(
    run: Import, tmp_path: Path, content: bytes, told: str
) -> None:
    path = tmp_path / "odd.csv"
    path.write_bytes(content)
    with pytest.raises(InputRefused) as refused:
        run(path)
    assert "odd.csv" in str(refused.value)
    assert told in str(refused.value)


def test_a_mapped_column_that_is_missing_and_a_misspelt_field_are_named(run: Import, tmp_path: Path) -> None:
    with pytest.raises(InputRefused, match="there is no column telephone; the file has key, phone"):
        run(write(tmp_path, "key,phone\n1,2\n"), MemberMap(key="key", phone="telephone"))
    with pytest.raises(InputRefused, match=r"map\.yaml:1:phnoe: phnoe is not known here; did you mean phone"):
        read_member_map(write(tmp_path, "phnoe: x\n", name="map.yaml"))
    with pytest.raises(InputRefused, match="in quotes where it is a word such as no"):
        read_member_map(write(tmp_path, "key: no\n", name="map.yaml"))
    with pytest.raises(InputRefused, match=r"nowhere\.csv: the file cannot be read"):
        run(tmp_path / "nowhere.csv")


def test_an_open_quote_and_nul_bytes_spoil_only_their_rows(run: Import, tmp_path: Path) -> None:
    path = tmp_path / "odd.csv"
    path.write_bytes(b"key,name\n1,a\n2,b\0c\n3,x\x85\xe2\x80\xa8y\n".replace(b"\x85", "\u0085".encode()))
    assert run(path).new == 3


PROGRAM = """
import sys
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo
from database.engine import Database
from database.holding import hold_members
from members import importing

importing.BATCH = 100
importing.import_members(
    Database(sys.argv[1]), Path(sys.argv[2]), now=datetime(2026, 8, 1, tzinfo=UTC), secret=b"s" * 32,
    zone=ZoneInfo("Asia/Shanghai"), errors=Path(sys.argv[3]), progress=lambda done, lines: print(done, flush=True),
)
"""


def test_an_import_killed_again_and_again_goes_on_where_it_stood(database: Database, tmp_path: Path) -> None:
    path = tmp_path / "many.csv"
    rows = [f"M{index},name {index},{'bad' if index % 50 == 0 else f'138{index:08}'}" for index in range(6000)]
    rows[123] = ",no key,"
    path.write_text("\n".join(["key,name,phone", *rows]) + "\n", encoding="utf-8")
    url = database.url.render_as_string(hide_password=False)
    command = [sys.executable, "-c", PROGRAM, url, str(path), str(tmp_path / "errors.csv")]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    for after in (1, 7, 3):
        with subprocess.Popen(command, stdout=subprocess.PIPE, env=environment) as program:
            assert program.stdout is not None
            for _ in range(after):
                program.stdout.readline()
            time.sleep(0.01)
            program.send_signal(signal.SIGKILL)

    subprocess.run(command, check=True, env=environment, stdout=subprocess.DEVNULL)

    with database.transaction() as connection:
        row = connection.execute(select(imports)).one()
        assert (row.lines_done, row.accepted, row.refused) == (6001, 5999, 1)
        assert row.finished_at is not None
        assert connection.scalar(select(func.count()).select_from(members)) == 5999
        assert connection.scalar(text("SELECT count(*) FROM addresses WHERE is_current")) == 5999
    with (tmp_path / "errors.csv").open(encoding="utf-8-sig", newline="") as file:
        lines = [int(line[0]) for line in list(csv.reader(file))[1:]]
    assert lines == sorted({125, *(index + 2 for index in range(0, 6000, 50))})


def test_the_shared_member_list_goes_in(database: Database, run: Import, shared: Path) -> None:
    done = run(shared / "data" / "zh_members" / "faker_zh_CN_2000.csv")
    assert (done.new, done.refused) == (2000, 0)
    assert done.unusable_addresses < 200


def test_a_nul_between_blanks_spoils_only_its_cell(run: Import, tmp_path: Path) -> None:
    path = tmp_path / "blanks.txt"
    path.write_bytes(b"1 a\n2 b\0\n")
    assert run(path, MemberMap(key=1, attributes={"a": 2}, delimiter="whitespace")).new == 2


def test_a_damaged_archive_is_refused_with_its_name(run: Import, tmp_path: Path) -> None:
    path = tmp_path / "members.csv.gz"
    packed = bytearray(gzip.compress(os.urandom(5000).hex().encode()))
    packed[100:120] = b"\xff" * 20
    path.write_bytes(packed)
    with pytest.raises(InputRefused, match=r"members\.csv\.gz: the file cannot be read"):
        run(path)


def test_an_attribute_that_does_not_fit_is_listed_with_its_cell(run: Import, tmp_path: Path) -> None:
    def reading(_told: object) -> Problem:
        return Problem(sentence="a number was expected; found {found}", values={"found": "x"}, field="attributes.size")

    mapping = MemberMap(key="key", phone="phone", attributes={"size": "size"})
    path = write(tmp_path, "key,phone,size\n1,13800001234,x\n")
    assert run(path, mapping, errors=tmp_path / "errors.csv", read_attributes=reading).refused == 1
    assert "2,attributes.size,x," in (tmp_path / "errors.csv").read_text(encoding="utf-8-sig")


def test_of_two_commands_at_one_file_only_one_moves_on(database: Database) -> None:
    done = BatchDone(accepted=1, refusals=[], refused=0)
    with database.transaction() as connection:
        first, second = (begin_import(connection, "members", "digest", "members.csv", now=NOW) for _ in range(2))
        assert first == second
        advance_import(connection, first, done, from_line=0, to_line=10, now=NOW)
        with pytest.raises(InputRefused, match="being imported by another command"):
            advance_import(connection, second, done, from_line=0, to_line=10, now=NOW)
