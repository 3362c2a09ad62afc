"""How the story ends: reports made, written to files, and told."""

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import Connection, select

from campaigns.invariants import Broken, broken
from console.demo.oracle import Verdict, compare
from console.demo.stage import Stage
from database.tables import campaigns, journeys
from reports.campaign_report import campaign_report
from reports.charts import write_pngs
from reports.export import as_csv, as_data
from reports.journey_report import journey_report
from reports.page import as_html
from reports.report import Report
from reports.responses import credit

EVER = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, kw_only=True)
class Ending:
    """Everything there is to tell at the end."""

    made_at: datetime
    reports: Sequence[Report]  #: journeys first
    verdict: Verdict
    broken: Sequence[Broken]  #: of the ledger's invariants; empty: it is sound

    @property
    def is_sound(self) -> bool:
        """Whether nothing was lost, doubled or sent to a control member, every sum closes and every invariant holds."""
        return self.verdict.is_clean and not self.broken

    def as_data(self) -> dict[str, object]:
        """Return it ready for JSON: closing sums, lifts and the comparison with the simulator's record."""
        told = [as_data(report) for report in self.reports]
        return {
            "as_of": self.made_at.isoformat(),
            "journeys": [data for data in told if "journey" in data],
            "campaigns": [data for data in told if "campaign" in data],
            "oracle": asdict(self.verdict),
            "broken_invariants": [asdict(each) for each in self.broken],
        }


def end(stage: Stage, *, now: datetime) -> Ending:
    """Credit the last responses, make every report, and compare the ledger with the simulator's record."""
    with stage.database.transaction() as connection:
        credit(connection, now=now, since=EVER)
    with stage.database.transaction() as connection:
        return Ending(
            made_at=now,
            reports=_reports(connection, now),
            verdict=compare(connection, stage.record, secret=stage.secret),
            broken=broken(connection),
        )


def _reports(connection: Connection, now: datetime) -> list[Report]:
    named = connection.execute(select(journeys.c.name).distinct().order_by(journeys.c.name)).scalars().all()
    found = [journey_report(connection, name, now=now) for name in named]
    named = connection.execute(select(campaigns.c.name).order_by(campaigns.c.name)).scalars().all()
    return found + [campaign_report(connection, name, now=now) for name in named]


def stands_alone(report: Report) -> bool:
    """Say whether the report has a draw of its own: a campaign that only journeys use is part of theirs."""
    experiment = report.effect.experiment
    return report.kind == "journey" or (experiment is not None and experiment.name.startswith("campaign:"))


def write_files(ending: Ending, folder: Path, language: str, *, wrote: Callable[[], None]) -> list[Path]:
    """Write each report as JSON and CSV, those that stand alone as page and charts, too, and all together as demo.json.

    Returns the files.
    """
    charts = folder / "charts"
    charts.mkdir(parents=True, exist_ok=True)
    for old in charts.glob("*.png"):
        old.unlink()
    written = [folder / "demo.json"]
    written[0].write_text(json.dumps(ending.as_data(), ensure_ascii=False, indent=2) + "\n", encoding="utf-8")
    for report in ending.reports:
        stem = f"{report.kind}-{report.name}"
        words = {"json": json.dumps(as_data(report), ensure_ascii=False, indent=2) + "\n", "csv": as_csv(report)}
        if stands_alone(report):
            words["html"] = as_html(report, language)
            written += write_pngs(report, charts, language)
        for suffix, said in words.items():
            file = folder / f"{stem}.{suffix}"
            # The mark at the start tells spreadsheets that a CSV file is UTF-8.
            file.write_text(said, encoding="utf-8-sig" if suffix == "csv" else "utf-8", newline="")
            written.append(file)
        wrote()
    return written
