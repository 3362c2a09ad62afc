"""Codes made elsewhere come into a pool from a file, each once."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

from sqlalchemy import text

from database.engine import Database
from language.problems import Problem, refuse
from members.coupons.definition import Coupon
from members.text_files import TextFile, look_through, read_rows

HEADERS = ("code", "coupon", "coupon_code", "券码", "优惠码", "优惠券码", "兑换码")
LONGEST_CODE = 64
TOGETHER = 10_000  #: codes of one transaction
KEPT_PROBLEMS = 20

NO_CODE = "a code of at most {longest} characters without blanks was expected; found {found}"
TWICE = "the code {code} stands on line {before} already"
KNOWN = "the code {code} is in this pool already"

_STORE = text("""
INSERT INTO coupons (pool, code) SELECT :pool, code FROM unnest(CAST(:codes AS text[])) AS told (code) ORDER BY code
ON CONFLICT (pool, code) DO NOTHING RETURNING code
""")


@dataclass(kw_only=True)
class CodesImported:
    """What became of a file of codes; its rows are ``new + known + refused``."""

    new: int = 0
    known: int = 0  #: in the pool already, from this file or another
    refused: int = 0  #: no codes at all
    problems: list[Problem] = field(default_factory=list)  #: of the first rows that are known or refused


def import_codes(database: Database, coupon: Coupon, path: Path) -> CodesImported:
    """Put the codes of a file into the coupon's pool: its column ``code``, or its only or first one.

    Batches are committed one by one.  A file that was cut off is given again: a code is in a pool once.

    Raises:
        InputRefused: the file cannot be read, or the coupon's codes are made up by a rule.
    """
    if coupon.codes is not None:
        raise refuse("{coupon} makes up its codes by a rule; only codes: pool takes a file", coupon=coupon.pool)
    done = CodesImported()
    codes = _codes(look_through(path), done)
    while rows := list(islice(codes, TOGETHER)):
        _store(database, coupon, str(path), rows, done)
    return done


def _codes(file: TextFile, done: CodesImported) -> Iterator[tuple[int, str]]:
    """Yield line and code of every row that has one."""
    place: int | None = None
    for row in read_rows(file):
        if row.problem is not None:
            done.refused += 1
            _note(done, row.problem.sentence, str(file.path), row.line, **row.problem.values)
            continue
        if place is None:
            place = next((at for at, cell in enumerate(row.cells) if cell.strip().lower() in HEADERS), -1)
            if place >= 0:
                continue
        code = row.cells[max(place, 0)].strip() if len(row.cells) > max(place, 0) else ""
        if 0 < len(code) <= LONGEST_CODE and code.isprintable() and " " not in code:
            yield row.line, code
            continue
        done.refused += 1
        _note(done, NO_CODE, str(file.path), row.line, longest=LONGEST_CODE, found=repr(code)[:80])


def _note(done: CodesImported, sentence: str, file: str, line: int, **values: object) -> None:
    if len(done.problems) < KEPT_PROBLEMS:
        done.problems.append(Problem(sentence=sentence, values=values, file=file, line=line, field="code"))


def _store(
    database: Database, coupon: Coupon, file: str, rows: Sequence[tuple[int, str]], done: CodesImported
) -> None:
    first: dict[str, int] = {}
    for line, code in rows:
        first.setdefault(code, line)
    with database.transaction() as connection:
        new = set(connection.execute(_STORE, {"pool": coupon.pool, "codes": list(first)}).scalars())
    done.new += len(new)
    done.known += len(rows) - len(new)
    for line, code in rows:
        if line != first[code]:
            _note(done, TWICE, file, line, code=code, before=first[code])
        elif code not in new:
            _note(done, KNOWN, file, line, code=code)
