"""A report's tables in words, one set for the terminal and the page."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from reports.closing import Closing
from reports.interval import Interval
from reports.lift import Arm, Lift
from reports.proportions import rate, wilson
from reports.reasons import reason_words
from reports.report import Effect, Report
from reports.wording import amount, count, p_text, percent, points, said, verdict_sentence

#: What stands in the closing sum, in the order in which a member falls through it.
PLACES: Mapping[str, str] = {
    "withheld": "Withheld (control)",
    "refused": "Refused",
    "cancelled": "Cancelled",
    "waiting": "Waiting",
    "failed": "Failed",
    "in_doubt": "In doubt",
    "accepted": "Accepted",
    "delivered": "Delivered",
}


@dataclass(frozen=True, kw_only=True)
class Table:
    """A table whose every cell is already in the reader's language; the first column names the row."""

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]


def place_counts(closing: Closing) -> dict[str, int]:
    """Return how many members stand in each place of the sum, refusals added up."""
    return {place: closing.refused.total() if place == "refused" else getattr(closing, place) for place in PLACES}


def closing_table(report: Report, language: str) -> Table:
    """Return the closing sum, ending with the total it must make."""
    planned = report.closing.planned
    rows = [
        [said(PLACES[place], language), count(number, language), percent(rate(number, planned), language)]
        for place, number in place_counts(report.closing).items()
    ]
    rows.append([said("Planned", language), count(planned, language), percent(rate(planned, planned), language)])
    return _table("Closing sum", ["", "Members", "Share"], rows, language)


def refusal_table(report: Report, language: str) -> Table:
    """Return the refusals by reason, most frequent first."""
    rows = [
        [reason_words(reason, language), count(number, language)]
        for reason, number in report.closing.refused.most_common()
    ]
    return _table("Refused, by reason", ["Reason", "Members"], rows, language)


def channel_table(report: Report, language: str) -> Table:
    """Return the closing sum per channel: a column for each, ending with its total and its cost."""
    columns = [_places(each, language) for each in report.channels.values()]
    heads = [*PLACES.values(), "Planned", "Cost"]
    rows = [[said(head, language), *(column[place] for column in columns)] for place, head in enumerate(heads)]
    return _table("By channel", ["", *report.channels], rows, language)


def step_table(report: Report, language: str) -> Table:
    """Return visits, results and the closing sum per step; places where nobody stands are left out."""
    used = [
        place
        for place in PLACES
        if any(line.closing is not None and place_counts(line.closing)[place] for line in report.steps)
    ]
    rows = []
    for line in report.steps:
        sums = place_counts(line.closing) if line.closing is not None else None
        name = line.step if line.version in (None, 1) else f"v{line.version} {line.step}"
        results = ", ".join(f"{said(result, language)} {count(number)}" for result, number in line.results.items())
        what = f"{said(line.kind, language)} {line.campaign or results}".strip()
        visits = "—" if line.visits is None else count(line.visits, language)
        planned = "—" if line.closing is None else count(line.closing.planned, language)
        rows.append(
            [f"{name}  {what}", visits, planned, *("—" if sums is None else count(sums[place]) for place in used)]
        )
    return _table("By step", ["Step", "Visits", "Planned", *(PLACES[place] for place in used)], rows, language)


def _places(closing: Closing, language: str) -> list[str]:
    numbers = [*place_counts(closing).values(), closing.planned]
    return [*(count(number, language) for number in numbers), f"{closing.cost:,.2f}"]


def entry_table(report: Report, language: str) -> Table | None:
    """Return how many entered a journey and where they stand; None: a campaign."""
    entries = report.entries
    if entries is None:
        return None
    rows = [[said(state, language), count(number, language)] for state, number in entries.by_state.items()]
    rows.append([said("Entered", language), count(entries.entered, language)])
    return _table("Entries", ["State", "Members"], rows, language)


def arm_table(treated: Arm, control: Arm, language: str, *, title: str = "Arms") -> Table:
    """Return what each arm did by itself; everybody assigned counts, reached or not."""
    arms = (treated, control)
    rows = [
        [said("Assigned", language), *(count(arm.assigned, language) for arm in arms)],
        [said("Responded", language), *(count(arm.responded, language) for arm in arms)],
        [said("Response rate", language), *(percent(rate(arm.responded, arm.assigned), language) for arm in arms)],
        [said("95 % interval", language), *(_rate_span(arm, language) for arm in arms)],
    ]
    if treated.amounts is not None and control.amounts is not None:
        means = [amount(arm.amounts.mean if arm.amounts else None, language) for arm in arms]
        rows.append([said("Revenue per member", language), *means])
    return _table(title, ["", "Treated", "Control"], rows, language)


def effect_table(found: Lift, language: str) -> Table:
    """Return the difference between the arms, absolute, relative and in members."""
    rows = [
        [
            said("Difference", language),
            points(found.diff, language),
            _span(points(found.diff_interval.lo, language), points(found.diff_interval.hi, language)),
            p_text(found.p_value, language),
        ],
        [
            said("Relative lift", language),
            percent(found.relative, language, signed=True),
            _percent_span(found.relative_interval, language),
            "",
        ],
        [
            said("Incremental responders", language),
            count(found.incremental, language, signed=True),
            _span(
                count(found.incremental_interval.lo, language, signed=True),
                count(found.incremental_interval.hi, language, signed=True),
            ),
            "",
        ],
    ]
    if found.fisher_p is not None:
        rows.append([said("Fisher's exact test (small cells)", language), "", "", p_text(found.fisher_p, language)])
    rows += _revenue_rows(found, language)
    return _table("What the messages caused", ["", "Estimate", "95 % interval", "p"], rows, language)


def _revenue_rows(found: Lift, language: str) -> list[list[str]]:
    means = found.means
    if means is None:
        return []
    treated = found.treated.assigned
    total = None if means.diff is None else means.diff * treated
    return [
        [
            said("Revenue per member", language),
            amount(means.diff, language, signed=True),
            _amount_span(means.interval, language),
            p_text(means.p_value, language),
        ],
        [
            said("Relative revenue lift", language),
            percent(means.relative, language, signed=True),
            _percent_span(means.relative_interval, language),
            "",
        ],
        [
            said("Incremental revenue", language),
            amount(total, language, signed=True),
            _amount_span(means.interval.scaled(treated), language),
            "",
        ],
    ]


def remarks(effect: Effect, language: str) -> list[str]:
    """Return the sentences a reader must not miss, the verdict first."""
    told = [verdict_sentence(str(effect.verdict), language)]
    look = effect.look
    if effect.interim and look is not None:
        told.append(
            said(
                "Interim: windows are open or members still enter. The interval that stays true at every look is {interval}.",
                language,
                interval=_span(points(look.interval.lo, language), points(look.interval.hi, language)),
            )
        )
    found = effect.lift
    if found is not None and found.smallest_seen is not None:
        told.append(
            said(
                "These sizes show a rise of {points} or more with 80 % power.",
                language,
                points=points(found.smallest_seen, language),
            )
        )
    if effect.srm.p_value is not None and not effect.srm.alarm:
        told.append(
            said("The arms have the sizes that were drawn (p = {p}).", language, p=p_text(effect.srm.p_value, language))
        )
    if effect.contamination:
        told.append(said("{count} messages went to control members.", language, count=effect.contamination))
    return told


def _rate_span(arm: Arm, language: str) -> str:
    found = wilson(arm.responded, arm.assigned)
    return _span(percent(found.lo, language), percent(found.hi, language))


def _percent_span(interval: Interval, language: str) -> str:
    return _span(percent(interval.lo, language, signed=True), percent(interval.hi, language, signed=True))


def _amount_span(interval: Interval, language: str) -> str:
    return _span(amount(interval.lo, language, signed=True), amount(interval.hi, language, signed=True))


def _span(low: str, high: str) -> str:
    """Join two limits; the unit is said once."""
    if low == high:
        return low
    unit = high.rpartition("\u00a0")[2]
    return f"{low.removesuffix(unit).rstrip()} … {high}" if "\u00a0" in high else f"{low} … {high}"


def _table(title: str, columns: Sequence[str], rows: Sequence[Sequence[str]], language: str) -> Table:
    heads = [said(column, language) if column else "" for column in columns]
    return Table(title=said(title, language), columns=heads, rows=rows)
