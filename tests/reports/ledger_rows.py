"""Rows of the ledger for tests of reports, written straight into the tables."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from sqlalchemy import Connection, insert, select, text

from database.tables import (
    assignments,
    campaigns,
    enrolments,
    events,
    experiments,
    journeys,
    launches,
    members,
    sends,
    step_runs,
    template_versions,
)

START = datetime(2026, 3, 1, 2, tzinfo=UTC)
GOAL = {"event": "order.paid", "within": "7d", "value": "amount"}


@dataclass
class Ledger:
    """A connection with shorthand for what a report reads."""

    connection: Connection
    _keys: int = 0
    _experiments: dict[str, int] = field(default_factory=dict)

    def members(self, count: int) -> list[int]:
        """Add members and return their ids."""
        first = self._keys + 1
        self._keys += count
        rows = [{"key": f"m{number}"} for number in range(first, first + count)]
        return list(self.connection.execute(insert(members).returning(members.c.id), rows).scalars())

    def campaign(
        self, name: str, *, goal: Mapping[str, object] | None = GOAL, next_run_at: datetime | None = None
    ) -> int:
        """Add a campaign and return its id."""
        version = self.connection.execute(
            insert(template_versions).returning(template_versions.c.id), {"name": name, "digest": name, "content": {}}
        ).scalar_one()
        row = {
            "name": name,
            "definition": {"campaign": name, "title": {"zh": "春季唤回", "en": "Spring win-back"}, "goal": goal},
            "template_version_id": version,
            "next_run_at": next_run_at,
        }
        return int(self.connection.execute(insert(campaigns).returning(campaigns.c.id), row).scalar_one())

    def launch(self, campaign: int, *, considered: int) -> None:
        """Add a launch."""
        row = {"campaign_id": campaign, "occasion": "launch:1", "launched_at": START, "considered": considered}
        self.connection.execute(insert(launches), row)

    def experiment(self, name: str, *, share: str = "0.1") -> int:
        """Add a draw of arms and return its id."""
        row = {"name": name, "salt": name, "control_share": Decimal(share)}
        return int(self.connection.execute(insert(experiments).returning(experiments.c.id), row).scalar_one())

    def assign(self, experiment: int, who: Sequence[int], arm: str) -> None:
        """Decide an arm for members."""
        bucket = 0 if arm == "control" else 9999
        rows = [
            {"experiment_id": experiment, "member_id": member, "arm": arm, "bucket": bucket, "decided_at": START}
            for member in who
        ]
        self.connection.execute(insert(assignments), rows)

    def sends(
        self,
        campaign: int,
        who: Sequence[int],
        state: str,
        *,
        experiment: int | None = None,
        arm: str | None = None,
        decided_at: datetime = START,
        occasion: str = "launch:1",
        channel: str | None = "sms",
        **more: object,
    ) -> list[int]:
        """Add a send per member and return their ids."""
        version = select(campaigns.c.template_version_id).where(campaigns.c.id == campaign)
        version_id = self.connection.execute(version).scalar_one()
        rows = [
            {
                "campaign_id": campaign, "member_id": member, "occasion": occasion, "template_version_id": version_id,
                "purpose": "marketing", "state": state, "experiment_id": experiment, "arm": arm, "channel": channel,
                "decided_at": decided_at, "not_before": decided_at, **more,
            }
            for member in who
        ]  # fmt: skip
        return list(self.connection.execute(insert(sends).returning(sends.c.id), rows).scalars())

    def orders(
        self,
        who: Sequence[int],
        *,
        at: datetime = START + timedelta(days=1),
        value: str = "100",
        kind: str = "order.paid",
    ) -> None:
        """Add an order per member."""
        rows = [
            {"source": "test", "key": f"{kind}:{member}:{at.isoformat()}:{value}", "member_id": member, "kind": kind,
             "occurred_at": at, "value": Decimal(value)}
            for member in who
        ]  # fmt: skip
        self.connection.execute(insert(events), rows)

    def journey(self, name: str, *, experiment: int | None = None, version: int = 1, state: str = "active") -> int:
        """Add a journey version with the usual goal and return its id."""
        row = {
            "name": name, "version": version, "state": state, "experiment_id": experiment, "published_at": START,
            "definition": {"journey": name, "title": {"zh": "唤回", "en": "Win back"}, "goal": GOAL, "steps": []},
        }  # fmt: skip
        return int(self.connection.execute(insert(journeys).returning(journeys.c.id), row).scalar_one())

    def enrol(
        self,
        journey: int,
        who: Sequence[int],
        *,
        experiment: int | None = None,
        arm: str | None = None,
        at: datetime = START,
        state: str = "finished",
    ) -> list[int]:
        """Let members into a journey and return the enrolments' ids."""
        over = None if state == "active" else at + timedelta(days=1)
        rows = [
            {
                "journey_id": journey, "journey_name": "win-back", "member_id": member, "entry_key": at.isoformat(),
                "state": state, "experiment_id": experiment, "arm": arm, "step": "", "entered_at": at, "step_since": at,
                "ended_at": over, "end_reason": None if over is None else "end",
            }
            for member in who
        ]  # fmt: skip
        return list(self.connection.execute(insert(enrolments).returning(enrolments.c.id), rows).scalars())

    def visit(self, who: Sequence[int], step: str, kind: str, *, result: str | None = None, visit: int = 1) -> None:
        """Record that enrolments went through a step."""
        rows = [
            {"enrolment_id": each, "visit": visit, "step": step, "kind": kind, "run_at": START, "result": result}
            for each in who
        ]
        self.connection.execute(insert(step_runs), rows)

    def count(self, table: str) -> int:
        """Return how many rows a table has."""
        return int(self.connection.execute(text(f"SELECT count(*) FROM {table}")).scalar_one())
