"""A coupon is issued once per member and occasion, and a code once, however many issue at once."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Barrier

import pytest
from sqlalchemy import Connection, func, insert, select, update

from database.engine import Database
from database.loyalty_tables import coupons
from database.member_tables import touched_members
from database.tables import members
from language.problems import InputRefused
from members.coupons import codes
from members.coupons.codes import import_codes
from members.coupons.definition import ALPHABETS, CodeRule, Coupon
from members.coupons.issuing import Held, Wanted, issue
from members.definitions import read_definitions
from tests.campaigns.test_group_reports import until_somebody_waits
from tests.makers import make_members

NOW = datetime(2026, 8, 1, 2, 0, tzinfo=UTC)
ROOT = Path(__file__).resolve().parents[3]
POOL = Coupon.model_validate({"coupon": "spring-20", "valid_for": "30d"})
RULE = Coupon.model_validate({"coupon": "birthday", "codes": {"prefix": "BD-", "length": 8}})


def fill(connection: Connection, count: int, *, pool: str = "spring-20") -> None:
    connection.execute(insert(coupons), [{"pool": pool, "code": f"C{number:05}"} for number in range(count)])


def wanted(ids: Sequence[int], occasion: str = "spring") -> list[Wanted]:
    return [Wanted(member_id=member_id, occasion=occasion) for member_id in ids]


def issue_in_parallel(database: Database, issuers: int, shares: Sequence[Sequence[Wanted]]) -> list[Held]:
    """Let every share be issued at the same moment, each through a connection of its own."""
    together = Barrier(issuers)

    def one(share: Sequence[Wanted]) -> tuple[Held, ...]:
        opened = Database(database.url.render_as_string(hide_password=False), pool_size=1)
        try:
            with opened.transaction() as connection:
                connection.execute(select(1))
                together.wait(30)
                return issue(connection, POOL, share, now=NOW).new
        finally:
            opened.close()

    with ThreadPoolExecutor(issuers) as threads:
        return [held for new in threads.map(one, shares) for held in new]


def test_sixty_four_issuers_share_a_pool_of_exactly_enough_codes(database: Database) -> None:
    with database.transaction() as connection:
        ids = make_members(connection, 640, channels=(), consenting=False)
        fill(connection, 640)

    new = issue_in_parallel(database, 64, [wanted(ids[first::64]) for first in range(64)])

    assert sorted(held.member_id for held in new) == ids
    assert sorted(held.code for held in new) == [f"C{number:05}" for number in range(640)]


def test_sixty_four_issuers_leave_no_code_of_a_pool_that_runs_dry(database: Database) -> None:
    with database.transaction() as connection:
        ids = make_members(connection, 640, channels=(), consenting=False)
        fill(connection, 500)

    new = issue_in_parallel(database, 64, [wanted(ids[first::64]) for first in range(64)])

    assert len(new) == 500
    assert len({held.member_id for held in new}) == 500
    assert sorted(held.code for held in new) == [f"C{number:05}" for number in range(500)]


def test_codes_that_another_issuer_let_go_of_are_given(database: Database) -> None:
    with database.transaction() as connection:
        ids = make_members(connection, 4, channels=(), consenting=False)
        fill(connection, 2)

    with ThreadPoolExecutor(1) as threads:
        with database.engine.connect() as dying:
            assert len(issue(dying, POOL, wanted(ids[:1]), now=NOW).new) == 1
            others = threads.submit(issue_in_parallel, database, 1, [wanted(ids[1:])])
            until_somebody_waits(database)
            dying.rollback()
        assert sorted(held.code for held in others.result()) == ["C00000", "C00001"]


def test_issuers_who_want_the_same_for_the_same_members_give_one_code_each(database: Database) -> None:
    with database.transaction() as connection:
        ids = make_members(connection, 50, channels=(), consenting=False)
        fill(connection, 500)

    new = issue_in_parallel(database, 16, [wanted(ids if turn % 2 else ids[::-1]) for turn in range(16)])

    assert sorted(held.member_id for held in new) == ids
    with database.transaction() as connection:
        left = connection.execute(select(func.count()).where(coupons.c.issued_at.is_(None))).scalar_one()
    assert left == 450


@pytest.mark.parametrize("coupon", [POOL, RULE], ids=["pool", "rule"])
def test_the_same_occasion_is_the_same_coupon_and_another_is_another(database: Database, coupon: Coupon) -> None:
    with database.transaction() as connection:
        ids = make_members(connection, 3, channels=(), consenting=False)
        fill(connection, 10)
        first = issue(connection, coupon, wanted(ids), now=NOW)
        again = issue(connection, coupon, wanted([*ids, ids[0]]), now=NOW + timedelta(days=1))
        other = issue(connection, coupon, wanted(ids, "autumn"), now=NOW)

    assert (len(first.new), first.before, first.left) == (3, (), ())
    assert (again.new, again.left) == ((), ())
    assert sorted(held.code for held in again.before) == sorted(held.code for held in first.new)
    assert {held.code for held in other.new}.isdisjoint(held.code for held in first.new)
    assert {held.expires_at for held in first.new} == {NOW + timedelta(days=30) if coupon is POOL else None}


def test_where_codes_run_short_the_first_get_theirs_and_the_rest_is_named(database: Database) -> None:
    with database.transaction() as connection:
        ids = make_members(connection, 5, channels=(), consenting=False)[::-1]
        fill(connection, 3)
        done = issue(connection, POOL, wanted(ids), now=NOW)
        fill(connection, 2, pool="other")

        assert [held.member_id for held in sorted(done.new, key=lambda held: held.code)] == ids[:3]
        assert done.left == tuple(wanted(ids[3:]))
        assert issue(connection, POOL, wanted(ids), now=NOW).left == done.left

        connection.execute(insert(coupons).values(pool="spring-20", code="more"))
        later = issue(connection, POOL, wanted(ids), now=NOW)
    assert [(held.member_id, held.code) for held in later.new] == [(ids[3], "more")]


def test_nobody_erased_merged_or_unknown_and_nothing_that_is_over_is_issued(database: Database) -> None:
    over = Coupon.model_validate({"coupon": "spring-20", "until": "2026-07-31T00:00:00Z"})
    with database.transaction() as connection:
        ids = make_members(connection, 3, channels=(), consenting=False)
        connection.execute(update(members).where(members.c.id == ids[0]).values(erased_at=NOW))
        connection.execute(update(members).where(members.c.id == ids[1]).values(merged_into=ids[2]))
        fill(connection, 9)
        connection.execute(touched_members.delete())

        assert issue(connection, over, wanted(ids), now=NOW).left == tuple(wanted(ids))
        assert issue(connection, POOL, wanted([*ids, 999]), now=NOW).left == tuple(wanted([*ids[:2], 999]))
        assert connection.execute(select(touched_members.c.member_id)).scalars().all() == [ids[2]]


def test_made_up_codes_that_are_taken_are_made_up_anew(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(ALPHABETS, "digits", "01")
    few = Coupon.model_validate({"coupon": "few", "codes": {"length": 30, "alphabet": "digits"}})
    assert isinstance(few.codes, CodeRule)
    tight = few.model_copy(update={"codes": few.codes.model_copy(update={"length": 4})})
    with database.transaction() as connection:
        ids = make_members(connection, 10, channels=(), consenting=False)
        done = issue(connection, tight, wanted(ids), now=NOW)
        more = issue(connection, tight, wanted(ids, "more"), now=NOW)

    assert len({held.code for held in (*done.new, *more.new)}) == len(done.new) + len(more.new) <= 16
    assert len(more.new) + len(more.left) == 10
    assert more.left, "sixteen codes are not enough for twenty"


def test_codes_of_a_rule_cannot_be_misread_or_guessed() -> None:
    assert not set("01OIL2Z5S8B") & set(ALPHABETS["letters-and-digits"]) - set("258BSZ")
    with pytest.raises(ValueError, match="could be guessed; length must be 7 or more"):
        CodeRule(length=6)
    with pytest.raises(ValueError, match="could be guessed; length must be 9 or more"):
        CodeRule(length=8, alphabet="digits")


def test_a_file_of_codes_goes_in_once_and_every_double_is_told_by_line(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(codes, "TOGETHER", 3)
    file = tmp_path / "codes.csv"
    file.write_text("no,Code\n1,A1\n2,A2\n3,A1\n4,\n5,B 1\n6,A3\n7,A2\n8,A4\n", encoding="gb18030")

    first = import_codes(database, POOL, file)
    again = import_codes(database, POOL, file)

    assert (first.new, first.known, first.refused) == (4, 2, 2)
    assert [(problem.line, problem.told()) for problem in first.problems] == [
        (4, f"{file}:4:code: the code A1 stands on line 2 already"),
        (5, f"{file}:5:code: a code of at most 64 characters without blanks was expected; found ''"),
        (6, f"{file}:6:code: a code of at most 64 characters without blanks was expected; found 'B 1'"),
        (8, f"{file}:8:code: the code A2 is in this pool already"),
    ]
    assert (again.new, again.known, again.refused) == (0, 6, 2)


def test_a_file_without_a_header_is_taken_by_its_first_column_and_a_rule_takes_none(
    database: Database, tmp_path: Path
) -> None:
    file = tmp_path / "codes.csv"
    file.write_text("X1\nX2\n\nX3", encoding="utf-8")

    assert import_codes(database, POOL, file).new == 3
    with pytest.raises(InputRefused, match="makes up its codes by a rule"):
        import_codes(database, RULE, file)


@pytest.mark.parametrize(
    ("said", "line", "told"),
    [
        ("codes: pol", 2, "codes is pool, or a rule such as"),
        ("codes: {prefx: A}", 2, "did you mean prefix"),
        ("codes: {length: 5}", 2, "could be guessed"),
        ("valid_for: 30", 2, "a length of time such as 90d"),
        ("expire_soon: [1d]", 1, "expire_soon needs valid_for or until"),
        ("valid_for: 1d\nexpire_soon: [7d]", 1, "expire_soon must be shorter"),
        ("valid_for: 9d\nexpire_soon: [1d, 1d]", 1, "is named once"),
        ("until: 2026-08-01", 2, "a moment such as"),
        ("cost: {fixed: 20, share_of_order: 0.1}", 2, "either fixed or a share_of_order"),
        ("cost: {share_of_order: 20}", 2, "at most 1 was expected"),
        ("redeem: {event: order paid}", 2, "text of the form"),
    ],
)
def test_what_cannot_be_a_coupon_is_told_by_line(tmp_path: Path, said: str, line: int, told: str) -> None:
    file = tmp_path / "c.yaml"
    file.write_text(f"coupon: c\n{said}\n", encoding="utf-8")

    with pytest.raises(InputRefused) as refused:
        read_definitions(file, Coupon)

    assert [problem.line for problem in refused.value.problems] == [line]
    assert told in str(refused.value)


def test_the_examples_are_coupons() -> None:
    assert [one.pool for one in read_definitions(ROOT / "config" / "examples" / "coupons", Coupon)] == [
        "birthday", "second-order", "spring-20",
    ]  # fmt: skip
