"""``tidings lift``: what the messages caused, from four counts or from raw rows."""

import math
from pathlib import Path
from typing import Annotated

import typer

from console.output import in_words, language, print_json, run_command, say
from console.report_tables import print_columns
from language.problems import refuse
from reports.lift import Arm, Lift, holm_p_values, lift, lift_fields
from reports.raw_rows import Columns, read_arms
from reports.tables import arm_table, effect_table
from reports.wording import p_text, points, verdict_sentence

app = typer.Typer()

Counts = tuple[int | None, int | None, int | None, int | None]


@app.command("lift", context_settings={"ignore_unknown_options": True})
@run_command
def lift_command(
    treated_n: Annotated[int | None, typer.Argument(help="Treated members assigned")] = None,
    treated_x: Annotated[int | None, typer.Argument(help="Treated members who responded")] = None,
    control_n: Annotated[int | None, typer.Argument(help="Control members assigned")] = None,
    control_x: Annotated[int | None, typer.Argument(help="Control members who responded")] = None,
    csv_file: Annotated[Path | None, typer.Option("--csv", help="Raw rows, one member a row; .gz is accepted")] = None,
    arm: Annotated[str | None, typer.Option(help="Column that names the arm")] = None,
    control: Annotated[str | None, typer.Option(help="Value of that column that means control")] = None,
    outcome: Annotated[str | None, typer.Option(help="Column with 1 for a response, else 0")] = None,
    revenue: Annotated[str | None, typer.Option(help="Column with the amount per member")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON")] = False,
) -> None:
    """Compare treated with control: rates, lift, intervals, p-value and one verdict.

    Give four counts, or --csv with --arm, --control and --outcome.
    """
    counts = (treated_n, treated_x, control_n, control_x)
    if csv_file is None:
        found = {"": lift(*_arms_from(counts))}
    elif counts != (None, None, None, None):
        raise refuse("give four counts or --csv, not both")
    elif arm is None or control is None or outcome is None:
        raise refuse("--csv needs --arm, --control and --outcome")
    else:
        found = _from_rows(csv_file, Columns(arm=arm, outcome=outcome, revenue=revenue), control)
    if as_json:
        print_json(_as_data(found, control))
    else:
        _print(found, control)


def _arms_from(counts: Counts) -> tuple[Arm, Arm]:
    treated_n, treated_x, control_n, control_x = counts
    if treated_n is None or treated_x is None or control_n is None or control_x is None:
        raise refuse("four counts are needed: TREATED_N TREATED_X CONTROL_N CONTROL_X")
    arms = []
    for name, assigned, responded in (("TREATED", treated_n, treated_x), ("CONTROL", control_n, control_x)):
        if assigned < 0 or responded < 0:
            raise refuse("a count cannot be negative", field=f"{name}_N" if assigned < 0 else f"{name}_X")
        if responded > assigned:
            raise refuse(
                "{responded} responders among {assigned} members cannot be",
                field=f"{name}_X",
                responded=responded,
                assigned=assigned,
            )
        arms.append(Arm(assigned=assigned, responded=responded))
    return arms[0], arms[1]


def _from_rows(file: Path, columns: Columns, control: str) -> dict[str, Lift]:
    arms = read_arms(file, columns)
    if control not in arms:
        raise refuse(
            "no row has {control} in this column; it holds {found}",
            file=str(file),
            field=columns.arm,
            control=control,
            found=", ".join(list(arms)[:10]) or "—",
        )
    found = {name: lift(each, arms[control]) for name, each in arms.items() if name != control}
    if not found:
        raise refuse("every row is in the control", file=str(file), field=columns.arm)
    return found


def _as_data(found: dict[str, Lift], control: str | None) -> dict[str, object]:
    """Return one lift flat, or several under ``comparisons``; ``inf`` where a limit is unbounded."""
    if control is None:
        return {name: _finite(value) for name, value in lift_fields(found[""]).items()}
    holm = holm_p_values(list(found.values()))
    comparisons: list[dict[str, object]] = [
        {"arm": name, "control": control, **_fields(each), "p_holm": adjusted}
        for (name, each), adjusted in zip(found.items(), holm, strict=True)
    ]
    return comparisons[0] if len(comparisons) == 1 else {"control": control, "comparisons": comparisons}


def _fields(found: Lift) -> dict[str, object]:
    return {name: _finite(value) for name, value in lift_fields(found).items()}


def _finite(value: object) -> object:
    if isinstance(value, float) and not math.isfinite(value):
        return "inf" if value > 0 else "-inf"
    return value


def _print(found: dict[str, Lift], control: str | None) -> None:
    speaking = language()
    adjusted = holm_p_values(list(found.values()))
    for (name, each), p_holm in zip(found.items(), adjusted, strict=True):
        title = in_words("{treated} against {control}", treated=name, control=control) if name else "Lift"
        for table in (arm_table(each.treated, each.control, speaking, title=title), effect_table(each, speaking)):
            print_columns(table)
        say(verdict_sentence(str(each.verdict), speaking))
        if len(found) > 1:
            say("p after Holm's adjustment for {count} arms: {p}", count=len(found), p=p_text(p_holm, speaking))
        if each.smallest_seen is not None:
            say(
                "These sizes show a rise of {points} or more with 80 % power.",
                points=points(each.smallest_seen, speaking),
            )
        say("")
