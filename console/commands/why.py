"""``tidings why``: why a member did or did not get something, as one timeline."""

from typing import Annotated

import typer
from rich.text import Text

from config.foundation import open_foundation
from console.output import in_words, language, print_json, print_table, run_command, screen
from members.people import the_member
from reports.reasons import reason_words
from reports.why import Explanation, Standing, explain

app = typer.Typer()


@app.command("why")
@run_command
def why_command(
    member: Annotated[str, typer.Argument(help="The member's key or number.")],
    name: Annotated[str, typer.Argument(help="A campaign or a journey.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON for programs.")] = False,
) -> None:
    """Say why a member got something or did not: draw, steps, refusals, attempts, receipts, responses."""
    with open_foundation() as ground, ground.database.transaction() as connection:
        found = the_member(connection, member)
        explanation = explain(connection, member_id=found.id, name=name)
    if as_json:
        print_json(as_data(explanation, language()))
    else:
        tell(explanation)


def conclusion_words(explanation: Explanation, spoken: str) -> str:
    """Return the answer in one sentence."""
    last = explanation.conclusion
    if last is not None:
        return last.told(spoken)
    return in_words("Never considered: nothing of {name} ever looked at this member.", name=explanation.name)


def as_data(explanation: Explanation, spoken: str) -> dict[str, object]:
    """Return the explanation under its stable names."""
    last = explanation.conclusion
    return {
        "member": explanation.member,
        explanation.kind: explanation.name,
        "conclusion": {"reason": last.reason if last else "never_considered", "text": conclusion_words(explanation, spoken)},
        "timeline": [
            {"at": line.at, "kind": line.kind, "reason": line.reason, "text": line.told(spoken)} for line in explanation.timeline
        ],
        "channels": [
            {"channel": each.channel, "address_problem": each.problem, "marketing": each.marketing, "suppressed": each.suppressed}
            for each in explanation.standings
        ],
    }


def tell(explanation: Explanation) -> None:
    """Print the answer first, then the timeline, then how the member can be reached as things stand."""
    spoken = language()
    screen().print(Text(conclusion_words(explanation, spoken), style="bold"))
    rows = [(f"{line.at:%Y-%m-%d %H:%M:%S}Z", in_words(line.kind), line.told(spoken)) for line in explanation.timeline]
    if rows:
        print_table("What happened", ("when", "what", "words"), rows)
    standings = [(in_words(each.channel), _address(each, spoken), _consent(each)) for each in explanation.standings]
    print_table("How this member can be reached now", ("channel", "address", "marketing"), standings)


def _address(standing: Standing, spoken: str) -> str:
    if standing.suppressed is not None:
        return in_words("suppressed") + f" ({reason_words(standing.suppressed, spoken)})"
    return in_words("usable") if standing.problem is None else reason_words(standing.problem, spoken)


def _consent(standing: Standing) -> str:
    return in_words({True: "agreed", False: "declined", None: "never asked"}[standing.marketing])
