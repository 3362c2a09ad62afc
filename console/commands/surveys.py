"""``tidings surveys``: define surveys and see what members answered."""

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from config.foundation import open_foundation
from console.defining import tell_applied
from console.output import in_words, language, print_json, print_table, run_command, say, write_file
from database.engine import read_clock
from members.definitions import load_definition, load_definitions, read_definitions, save_definitions
from members.events import EARLIEST
from members.surveys.definition import Survey
from reports.survey_results import Comment, SurveyResults, answers_as_csv, newest_comments, survey_results

app = typer.Typer(help="Surveys: apply, list, results.", no_args_is_help=True)

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]
SHOWN_DAYS = ["%Y-%m-%d"]


@app.command("apply")
@run_command
def apply_surveys(
    path: Annotated[Path, typer.Argument(help="A definition file, or a folder of them.", exists=True)],
    as_json: AsJson = False,
) -> None:
    """Define surveys from a file or a folder; one that is wrong keeps all out."""
    wanted = read_definitions(path, Survey)
    with open_foundation() as ground, ground.database.transaction() as connection:
        done = save_definitions(connection, wanted, now=read_clock(connection))
    tell_applied("Surveys", "survey", done, as_json=as_json)


@app.command("list")
@run_command
def list_surveys(as_json: AsJson = False) -> None:
    """List every survey with its question and how many answered."""
    with open_foundation() as ground, ground.database.transaction() as connection:
        found = [
            (one, survey_results(connection, one.name, one.scale, since=EARLIEST))
            for one in load_definitions(connection, Survey).values()
        ]
    if as_json:
        print_json([one.model_dump(mode="json") | {"answers": results.answers} for one, results in found])
        return
    rows = [(one.name, one.scale, one.question.to(language()), results.asked, results.answers) for one, results in found]
    print_table("Surveys", ("survey", "scale", "question", "asked", "answers"), rows)


@app.command("results")
@run_command
def show_results(
    name: Annotated[str, typer.Argument(help="The survey.")],
    since: Annotated[datetime | None, typer.Option(formats=SHOWN_DAYS, help="Count answers from this day on (UTC).")] = None,
    comments: Annotated[int, typer.Option(min=0, max=1000, help="How many of the newest comments to show.")] = 5,
    csv_file: Annotated[Path | None, typer.Option("--csv", help="Write every answer, with its member, to this CSV file.")] = None,
    as_json: AsJson = False,
) -> None:
    """Show what came of a survey: the score with its interval, who gave what, and the newest comments."""
    start = EARLIEST if since is None else since.replace(tzinfo=EARLIEST.tzinfo)
    with open_foundation() as ground, ground.database.transaction() as connection:
        survey = load_definition(connection, Survey, name)
        results = survey_results(connection, name, survey.scale, since=start)
        newest = newest_comments(connection, name, since=start, most=comments)
        table = answers_as_csv(connection, name, since=start) if csv_file else ""
    if csv_file:
        write_file(csv_file, table, encoding="utf-8-sig")  # With its mark, for spreadsheets would otherwise not take it for UTF-8.
    if as_json:
        print_json(_data(results, newest))
        return
    _tell(survey, results)
    if newest:
        rows = [(one.answered_at, one.score, one.comment) for one in newest]
        print_table("Newest comments", ("answered_at", "score", "comment"), rows)


def _data(results: SurveyResults, newest: Sequence[Comment]) -> dict[str, object]:
    return {
        "survey": results.survey, "scale": results.scale, "asked": results.asked, "answers": results.answers,
        "answer_rate": results.answer_rate, "measure": results.measure, "value": results.value,
        "lo": results.interval.lo, "hi": results.interval.hi, "mean": results.mean,
        "groups": dict(results.groups), "scores": {str(score): count for score, count in results.scores.items()},
        "comments": results.comments, "newest": [one._asdict() for one in newest],
    }  # fmt: skip


def _tell(survey: Survey, results: SurveyResults) -> None:
    say("{question}", question=survey.question.to(language()))
    if results.value is None:
        say("{asked} were asked; nobody has answered.", asked=results.asked)
        return
    rate = "—" if results.answer_rate is None else f"{results.answer_rate:.1%}"
    say("{answers} of {asked} who were asked answered ({rate}).", answers=results.answers, asked=results.asked, rate=rate)
    if results.measure == "nps":
        say(
            "NPS {value} (between {lo} and {hi}, at 95 %)",
            value=f"{results.value * 100:+.0f}",
            lo=f"{(results.interval.lo or 0) * 100:+.0f}",
            hi=f"{(results.interval.hi or 0) * 100:+.0f}",
        )
    else:
        value, lo, hi = (f"{part or 0:.0%}" for part in (results.value, results.interval.lo, results.interval.hi))
        say("{value} are satisfied (between {lo} and {hi}, at 95 %)", value=value, lo=lo, hi=hi)
    shares = [(in_words(name), count, f"{count / results.answers:.1%}") for name, count in results.groups.items()]
    print_table("Groups", ("group", "answers", "share"), shares)
    most = max(results.scores.values())
    bars = [(score, count, "█" * round(30 * count / most)) for score, count in results.scores.items()]
    print_table("Scores", ("score", "answers", ""), bars)
