"""JSON that adds up, CSV no spreadsheet will run, a page that asks nobody for anything."""

import csv
import io
import json
import re
from collections import Counter
from datetime import date, timedelta
from decimal import Decimal
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree

import pytest

from reports.charts import svg_charts, write_pngs
from reports.closing import Closing
from reports.export import as_csv, as_data, as_json, safe_cell
from reports.goals import Goal, goal_of
from reports.lift import Arm
from reports.means import Amounts
from reports.page import as_html
from reports.report import ArmOutcome, DayLine, Entries, Experiment, Report, StepLine, assess
from reports.wording import amount, count, p_text, percent, points
from tests.reports.ledger_rows import START

GOAL = Goal(event="order.paid", within=timedelta(days=7), counts_value=True)


def _arm(arm: str, assigned: int, responded: int) -> ArmOutcome:
    amounts = Amounts(n=assigned, total=100.0 * responded, squares=12_000.0 * responded)
    return ArmOutcome(
        arm=arm, counts=Arm(assigned=assigned, responded=responded, amounts=amounts), last_decided_at=START
    )


def _report(*, name: str = "spring", title: str = "Spring", control_bought: int = 20, running: bool = False) -> Report:
    closing = Closing(
        delivered=880, failed=20, withheld=100, refused=Counter({"no_consent": 7, "cap": 3}), cost=Decimal("44.5")
    )
    arms = [_arm("treated", 900, 290), _arm("control", 100, control_bought)]
    effect = assess(
        arms, experiment=Experiment(id=1, name="campaign:spring", control_share=0.1), goal=GOAL,
        members_still_enter=running, expected_members=1000, contamination=0, cost=closing.cost,
        now=START + timedelta(days=9),
    )  # fmt: skip
    days = [DayLine(day=date(2026, 3, day), entries=10, closing=closing) for day in (1, 2, 3)]
    entries = Entries(
        entered=1010, by_state={"finished": 1010}, by_arm={"treated": 910, "control": 100}, end_reasons={}, versions=[1]
    )
    return Report(
        kind="journey" if running else "campaign", name=name, title={"zh": "春季", "en": title}, made_at=START,
        zone="Asia/Shanghai", closing=closing, arms=arms, effect=effect, channels={"sms": closing},
        steps=[StepLine(step="0", campaign=name, closing=closing), StepLine(step="1", kind="wait", visits=3, results={"=1+1": 3})],
        days=days, entries=entries if running else None,
    )  # fmt: skip


def test_json_carries_the_contract_and_adds_up() -> None:
    data = json.loads(as_json(_report()))

    summed = sum(
        data[place] for place in ("accepted", "delivered", "failed", "withheld", "in_doubt", "waiting", "cancelled")
    )
    assert data["planned"] == summed + sum(data["refused"].values()) == 1010
    assert data["campaign"] == "spring"
    assert data["cost"] == 44.5
    assert {"arm", "assigned", "responded", "rate", "rate_lo", "rate_hi", "revenue", "revenue_per_member"} == data[
        "arms"
    ][0].keys()
    assert data["lift"]["verdict"] == "helped"
    assert data["lift"]["interim"] is False
    assert data["steps"][1] == {
        "step": "1", "kind": "wait", "campaign": None, "version": None, "visits": 3, "results": {"=1+1": 3},
    }  # fmt: skip


def test_an_unbounded_limit_is_inf_in_json_and_csv() -> None:
    report = _report(control_bought=0)

    assert as_data(report)["lift"]["rel_hi"] == "inf"
    assert "Infinity" not in as_json(report)
    assert "lift,,rel_hi,inf" in as_csv(report)


@pytest.mark.parametrize(
    "cell",
    ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "＝1", "＋1", "－1", "＠x", " =1", "\u3000=1", "\u00a0@x"],
)
def test_text_a_spreadsheet_would_run_is_disarmed(cell: str) -> None:
    assert safe_cell(cell) == f"'{cell}"


@pytest.mark.parametrize("cell", [-1, -0.5, 3, Decimal("-2.50")])
def test_numbers_stay_numbers(cell: object) -> None:
    assert safe_cell(cell) is cell


def test_csv_can_be_read_back_and_is_safe_throughout() -> None:
    rows = list(csv.DictReader(io.StringIO(as_csv(_report(name="=cmd|x", title="+title")))))

    values = {(row["part"], row["item"], row["measure"]): row["value"] for row in rows}
    assert values["total", "", "planned"] == "1010"
    assert values["arm", "control", "rate"] == "0.2"
    assert values["refused", "", "no_consent"] == "7"
    assert values["total", "", "campaign"] == "'=cmd|x"
    assert values["title", "", "en"] == "'+title"
    assert float(values["lift", "", "diff_lo"])
    assert all(not cell.startswith(("=", "+", "@")) for row in rows for cell in row.values())


class _Page(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.ids: list[str] = []
        self.addresses: list[str] = []
        self.tags: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        for name, value in attrs:
            if name == "id":
                self.ids.append(value or "")
            if name in ("src", "href", "xlink:href", "action"):
                self.addresses.append(value or "")


@pytest.mark.parametrize("language", ["en", "zh"])
def test_the_page_is_self_contained_and_escapes_what_it_is_given(language: str) -> None:
    written = as_html(_report(title="<script>alert(1)</script>", running=True, control_bought=5), language)

    page = _Page()
    page.feed(written)
    assert "script" not in page.tags
    assert all(address.startswith("#") for address in page.addresses)
    assert len(page.ids) == len(set(page.ids))
    assert not re.search(r"url\((?!#)", written)
    assert ("已送达" in written) == (language == "zh")
    assert 'class="verdict helped"' in written


def test_every_chart_is_well_formed_and_follows_the_pages_colours() -> None:
    drawn = svg_charts(_report(running=True), "zh")

    assert list(drawn) == ["funnel", "rates", "lift", "days"]
    for chart in drawn.values():
        ElementTree.fromstring(chart)
        assert "var(--ink" in chart
    assert "计划" in drawn["funnel"]
    assert drawn == svg_charts(_report(running=True), "zh")


def test_charts_are_written_as_png(tmp_path: Path) -> None:
    files = write_pngs(_report(), tmp_path / "charts", "zh")

    assert [file.name for file in files] == [
        f"campaign-spring-{chart}.png" for chart in ("funnel", "rates", "lift", "days")
    ]
    assert all(file.read_bytes().startswith(b"\x89PNG") for file in files)


def test_an_empty_report_has_a_page_and_no_charts() -> None:
    effect = assess(
        [], experiment=None, goal=None, members_still_enter=False, expected_members=None, contamination=0,
        cost=Decimal(0), now=START,
    )  # fmt: skip
    empty = Report(
        kind="campaign", name="new", title={}, made_at=START, zone="UTC", closing=Closing(), arms=[], effect=effect,
        steps=[], channels={}, days=[],
    )  # fmt: skip

    assert svg_charts(empty, "en") == {}
    assert "Campaign new" in as_html(empty, "en")
    assert as_data(empty)["planned"] == 0


def test_words_for_numbers_never_turn_the_undefined_into_zero() -> None:
    for write in (percent, points, amount, count, p_text):
        assert write(None) == "too few"
        assert write(None, "zh") == "样本太少"
    assert percent(float("inf")) == "unbounded"
    assert percent(0.6244, signed=True) == "+62.4\u00a0%"
    assert points(-0.00040422) == "-0.040\u00a0pp"
    assert p_text(5.7e-112) == "5.7e-112"


def test_a_stored_goal_that_cannot_be_read_is_an_error_and_none_is_none() -> None:
    assert goal_of({}) is None
    assert goal_of({"goal": {"event": "order.paid", "within": "2w"}}) == Goal(
        event="order.paid", within=timedelta(weeks=2), counts_value=False
    )
    with pytest.raises(ValueError, match="cannot be read"):
        goal_of({"goal": {"event": "order.paid", "within": "soon"}})
