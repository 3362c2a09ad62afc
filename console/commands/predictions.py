"""``tidings predictions``: who is likely to have left, and what members will order."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer
from sqlalchemy import select

from config.foundation import open_foundation
from console.defining import AsJson, File, Member, apply_definition, tell_trouble
from console.output import fail, in_words, language, print_json, print_table, remark, run_command, say
from database.engine import read_clock
from database.loyalty_tables import predictions
from language.problems import refuse
from members.insight.holding_out import Holdout, hold_out
from members.insight.nights import load_fit, required_definition
from members.insight.predicting import Predicted, Predictions, predict
from members.people import the_member
from reports.holdout_chart import draw_holdout

app = typer.Typer(help="Predictions: apply, fit, show, check.", no_args_is_help=True)


@app.command("apply")
@run_command
def apply_file(file: File, as_json: AsJson = False) -> None:
    """Keep how far to look ahead and from where on members are at risk."""
    apply_definition(file, Predictions, "predictions fit", as_json=as_json)


@app.command()
@run_command
def fit(as_json: AsJson = False) -> None:
    """Learn from all orders now, as every night, and predict for everybody."""
    with open_foundation() as ground, ground.database.transaction() as connection:
        definition = required_definition(connection, Predictions)
        done = predict(connection, definition, now=read_clock(connection), zone=ground.zone)
    if as_json:
        print_json(
            {"members": done.members, "at_risk": done.at_risk, "crossed": done.crossed, "buying": asdict(done.buying),
             "spending": asdict(done.spending) if done.spending else None}
        )  # fmt: skip
        return
    say(
        "{members} members predicted for {days} days ahead; {at_risk} are at risk, {crossed} crossings were told.",
        members=done.members, days=definition.horizon.days, at_risk=done.at_risk, crossed=done.crossed,
    )  # fmt: skip
    _print_models(done)


def _print_models(done: Predicted) -> None:
    buying, spending = done.buying, done.spending
    rows: list[tuple[str, float]] = [(name, round(getattr(buying, name), 4)) for name in ("r", "alpha", "a", "b")]
    rows.append((in_words("log-likelihood"), round(buying.log_likelihood, 1)))
    print_table("How often (BG/NBD, in weeks)", ("parameter", "value"), rows)
    if spending is None:
        assert done.spending_problem is not None
        remark("No amounts are predicted: {why}", why=done.spending_problem.told(language()))
        return
    rows = [(name, round(getattr(spending, name), 4)) for name in ("p", "q", "gamma")]
    rows.append((in_words("correlation of orders and amounts; the model takes it for 0"), round(spending.correlation, 2)))
    print_table("For how much (Gamma-Gamma)", ("parameter", "value"), rows)


@app.command()
@run_command
def show(member: Member, as_json: AsJson = False) -> None:
    """Show what is predicted of a member."""
    with open_foundation() as ground, ground.database.transaction() as connection:
        learnt = load_fit(connection, Predictions.kind)
        found = connection.execute(select(predictions).where(predictions.c.member_id == the_member(connection, member).id)).one_or_none()
    tell_trouble(learnt)
    if found is None or learnt is None:
        raise refuse("nothing is predicted of {member}: no order when last predicted", member=member)
    days = round(learnt.parameters["horizon_weeks"] * 7)
    told: dict[str, Any] = {
        "alive": round(found.alive, 4), "expected_orders": round(found.expected_orders, 4),
        "expected_value": None if found.expected_value is None else round(found.expected_value, 2),
        "at_risk": found.at_risk, "predicted_at": found.predicted_at,
    }  # fmt: skip
    if as_json:
        print_json({"member": member, "days": days, **told})
        return
    words = {
        "chance of being a customer still": f"{found.alive:.1%}",
        "orders expected": told["expected_orders"],
        "money expected": told["expected_value"],
        "risk of leaving": in_words("at risk") if found.at_risk else in_words("not at risk"),
    }
    say("{member}, within {days} days, predicted on {at:%Y-%m-%d}", member=member, days=days, at=found.predicted_at)
    print_table("Predictions", ("what", "value"), [(in_words(name), value) for name, value in words.items()])


@app.command()
@run_command
def check(
    weeks: Annotated[int, typer.Option(min=1, max=520, help="Weeks of orders that are held out")] = 39,
    plot: Annotated[Path | None, typer.Option(help="Draw the comparison into this PNG or SVG file")] = None,
    as_json: AsJson = False,
) -> None:
    """Would predictions have come true?  Learn from older orders only and compare with what followed."""
    if plot is not None and plot.suffix.lower() not in (".png", ".svg"):
        raise refuse("a file ending in .png or .svg was expected; found {found}", found=plot.name)
    with open_foundation() as ground, ground.database.transaction() as connection:
        found = hold_out(connection, weeks=weeks, now=read_clock(connection), zone=ground.zone)
    if plot is not None:
        try:
            _draw(found, plot)
        except OSError as error:
            fail("the file cannot be written: {why}", why=error.strerror or type(error).__name__)
    if as_json:
        print_json(asdict(found))
        return
    _print_holdout(found, weeks)


def _draw(found: Holdout, plot: Path) -> None:
    words = {
        name: in_words(name)
        for name in (
            "repeat orders so far", "week", "learnt until here", "seen", "expected", "repeat orders before",
            "orders after, on average", "All members together", "By repeat orders before",
        )
    }  # fmt: skip
    draw_holdout(
        plot, words, cut_week=found.cut_week, weeks=found.weeks, seen=found.actual_by_week, expected=found.expected_by_week,
        groups=[(row.repeats, row.actual, row.expected) for row in found.rows],
    )  # fmt: skip


def _print_holdout(found: Holdout, weeks: int) -> None:
    last = found.rows[-1].repeats
    rows = [
        (f"{row.repeats}+" if row.repeats == last and last else row.repeats, row.members, round(row.expected, 2), round(row.actual, 2))
        for row in found.rows
    ]
    print_table(
        "Orders after the cut, by repeat orders before it",
        ("repeat orders before", "members", "expected on average", "seen on average"),
        rows,
    )
    say(
        "Learnt up to {cut}, compared with the {weeks} weeks to {end}: {expected} orders expected, {actual} seen ({off:+.1%}).",
        cut=found.cut, end=found.end, weeks=weeks, expected=round(found.expected), actual=found.actual,
        off=found.expected / found.actual - 1 if found.actual else 0.0,
    )  # fmt: skip
