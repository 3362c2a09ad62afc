"""Those who stand on one step together, and the one way to send them on."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, String, and_, literal, update

from campaigns.rules import PlanningRules
from journeys.groups import moving
from journeys.journey import Step
from journeys.published import Published


@dataclass(frozen=True, kw_only=True)
class Standing:
    """The members in ``moving`` who are at one step of one journey version."""

    connection: Connection
    published: Published
    path: str
    now: datetime
    rules: PlanningRules

    @property
    def step(self) -> Step:
        """Return the step they stand on."""
        return self.published.steps[self.path]

    @property
    def after(self) -> str:
        """Return the path of the step that comes after this one and all that is inside it."""
        return self.published.following[self.path]

    @property
    def here(self) -> ColumnElement[bool]:
        """Return the condition that a row of ``moving`` stands here."""
        return and_(moving.c.journey_id == self.published.id, moving.c.step == self.path)

    def way(self, number: int) -> str:
        """Return where the ``number``th way out of this step begins; a way without steps leads straight on."""
        return f"{self.path}.{number}.0" if self.step.ways[number] else self.after

    def send_on(
        self, to: str, *, result: str | ColumnElement[str] | None = None, where: ColumnElement[bool] | None = None
    ) -> int:
        """Decide ``to`` as the next step of those here who have none yet; return how many.

        ``where`` narrows them down; ``result`` is kept in the record of the step.
        """
        kept = result if isinstance(result, ColumnElement) else literal(result, String)
        decided = update(moving).values(kind=self.step.kind, next_step=to, result=kept)
        narrowed = decided.where(self.here, moving.c.next_step.is_(None))
        return self.connection.execute(narrowed if where is None else narrowed.where(where)).rowcount
