"""``tidings coupons``: define coupons, bring in their codes, issue and redeem them, and look what became of them."""

from decimal import Decimal
from pathlib import Path
from typing import Annotated

import typer

from config.foundation import open_foundation
from console.defining import tell_applied
from console.facts_shown import shown
from console.importing import end_import, tell_problems
from console.output import fail, in_words, language, print_json, print_table, run_command, say
from database.engine import read_clock
from language.problems import refuse
from members.coupons.codes import import_codes
from members.coupons.definition import Coupon
from members.coupons.issuing import Wanted, issue
from members.coupons.redeeming import redeem_by_hand
from members.coupons.showing import code_standings, pool_standings
from members.definitions import load_definition, load_definitions, read_definitions, save_definitions
from members.people import the_member

app = typer.Typer(help="Coupons: apply, import, list, show, issue, redeem.", no_args_is_help=True)

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]
Pool = Annotated[str, typer.Argument(help="The coupon.")]
Member = Annotated[str, typer.Argument(help="The member's key in the CRM, or our id")]
Code = Annotated[str, typer.Argument(help="The code as it is printed.")]

HEADS = (
    "pool", "coupon code", "state", "member", "occasion", "issued", "ends", "redeemed", "redeeming event", "cost",
)  # fmt: skip

#: Why a code does not count, for the person at the till.
REASONS = {
    "used": "it has been used",
    "expired": "its time is over",
    "other_member": "it belongs to another member",
    "not_issued": "nobody was given it",
}


@app.command("apply")
@run_command
def apply_coupons(
    path: Annotated[Path, typer.Argument(help="A definition file, or a folder of them.", exists=True)],
    as_json: AsJson = False,
) -> None:
    """Define coupons from a file or a folder; one that is wrong keeps all out."""
    wanted = read_definitions(path, Coupon)
    with open_foundation() as ground, ground.database.transaction() as connection:
        done = save_definitions(connection, wanted, now=read_clock(connection))
    tell_applied("Coupons", "coupon", done, as_json=as_json)


@app.command("import")
@run_command
def import_command(
    pool: Pool,
    file: Annotated[Path, typer.Argument(help="A CSV file with the column code, or codes alone.")],
    as_json: AsJson = False,
) -> None:
    """Put codes from a file into a pool, each once; a file that was cut off is simply given again."""
    with open_foundation() as ground:
        with ground.database.transaction() as connection:
            coupon = load_definition(connection, Coupon, pool)
        done = import_codes(ground.database, coupon, file)
    if as_json:
        problems = [problem.told(language()) for problem in done.problems]
        print_json({"new": done.new, "known": done.known, "refused": done.refused, "problems": problems})
    else:
        say("{new} codes are new, {known} were there, {refused} rows refused.", new=done.new, known=done.known, refused=done.refused)
        tell_problems(done.problems)
    end_import(used=done.new + done.known, refused=done.refused)


@app.command("list")
@run_command
def list_coupons(as_json: AsJson = False) -> None:
    """List every coupon: codes that are free, with members, redeemed and ended, and what that cost."""
    with open_foundation() as ground, ground.database.transaction() as connection:
        defined = load_definitions(connection, Coupon)
        standings = {one.pool: one for one in pool_standings(connection, now=read_clock(connection))}
    names = ("free", "open", "redeemed", "expired", "cost")
    rows = [
        (pool, _title(defined.get(pool)), *((getattr(standings[pool], name) for name in names) if pool in standings else (0,) * 5))
        for pool in sorted(defined | standings)
    ]
    if as_json:
        print_json([dict(zip(("coupon", "title", *names), row, strict=True)) for row in rows])
        return
    print_table("Coupons", ("coupon", "title", *names), [(*row[:-1], shown(row[-1], "cost")) for row in rows])


def _title(coupon: Coupon | None) -> str | None:
    if coupon is None:
        return None
    first, second = (coupon.title.zh, coupon.title.en) if language() == "zh" else (coupon.title.en, coupon.title.zh)
    return first or second or None


@app.command("show")
@run_command
def show_code(code: Code, as_json: AsJson = False) -> None:
    """Show what became of a code: whose it is, for what, until when, and what redeemed it."""
    with open_foundation() as ground, ground.database.transaction() as connection:
        found = code_standings(connection, code, now=read_clock(connection))
    if not found:
        raise refuse("no pool has the code {code}", code=code)
    if as_json:
        print_json([one._asdict() for one in found])
        return
    told = ([in_words(str(value)) if name == "state" else shown(value, name) for value, name in zip(one, HEADS, strict=True)] for one in found)
    print_table("Code", HEADS, list(told))


@app.command("issue")
@run_command
def issue_coupon(
    pool: Pool,
    member: Member,
    occasion: Annotated[str, typer.Option(help="What it is for; the same again is the same coupon.")] = "by hand",
    as_json: AsJson = False,
) -> None:
    """Give one member a coupon, once per occasion, and print its code."""
    with open_foundation() as ground, ground.database.transaction() as connection:
        coupon = load_definition(connection, Coupon, pool)
        wanted = Wanted(member_id=the_member(connection, member).id, occasion=_occasion(occasion))
        done = issue(connection, coupon, [wanted], now=read_clock(connection))
    if done.left:
        fail("{coupon} has no code to give: none is free, or its time is over.", coupon=pool)
    (held,) = done.held
    if as_json:
        print_json({"code": held.code, "expires_at": held.expires_at, "new": bool(done.new)})
        return
    say("{code}", code=held.code)


def _occasion(given: str) -> str:
    if not (0 < len(given.strip()) <= 200 and given.isprintable()):
        raise refuse("an occasion is a text of at most 200 characters")
    return given.strip()


@app.command("redeem")
@run_command
def redeem(
    code: Code,
    member: Member,
    amount: Annotated[float | None, typer.Option(min=0, max=1e11, help="What the order came to.")] = None,
    as_json: AsJson = False,
) -> None:
    """Redeem a code where no event will tell of it; ends with 1 where it does not count."""
    with open_foundation() as ground, ground.database.transaction() as connection:
        value = None if amount is None else Decimal(str(amount))
        member_id = the_member(connection, member).id
        found = redeem_by_hand(connection, code, member_id, now=read_clock(connection), value=value)
    if as_json:
        print_json({"coupon": found.pool, "code": found.code, "outcome": found.outcome, "cost": found.cost})
    elif found.outcome == "redeemed":
        say("{code} of {coupon} is redeemed.", code=found.code, coupon=found.pool)
    if found.outcome != "redeemed":
        fail("{code} does not count: {reason}.", code=found.code, reason=in_words(REASONS[found.outcome]))
