"""Those who stand on one step together, and the one way to send them on."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import BigInteger, ColumnElement, Connection, String, and_, bindparam, update

from campaigns.rules import PlanningRules
from journeys.groups import moving
from journeys.journey import Step
from journeys.published import Published

_HERE = and_(
    moving.c.journey_id == bindparam("here_journey", type_=BigInteger),
    moving.c.step == bindparam("here_step", type_=String),
)

#: Everybody here goes the same way; built once, because building it takes longer than running it.
_SEND_ALL_ON = (
    update(moving)
    .values(
        kind=bindparam("sent_kind", type_=String),
        next_step=bindparam("sent_to", type_=String),
        result=bindparam("sent_result", type_=String),
    )
    .where(_HERE, moving.c.next_step.is_(None))
)


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

    def way(self, number: int) -> str:
        """Return where the ``number``th way out of this step begins; a way without steps leads straight on."""
        return f"{self.path}.{number}.0" if self.step.ways[number] else self.after

    def send_on(
        self, to: str, *, result: str | ColumnElement[str] | None = None, where: ColumnElement[bool] | None = None
    ) -> int:
        """Decide ``to`` as the next step of those here who have none yet; return how many.

        ``where`` narrows them down; ``result`` is kept in the record of the step.
        """
        words: dict[str, object] = {
            "here_journey": self.published.id,
            "here_step": self.path,
            "sent_kind": self.step.kind,
            "sent_to": to,
        }
        decided = _SEND_ALL_ON if where is None else _SEND_ALL_ON.where(where)
        if isinstance(result, ColumnElement):
            decided = decided.values(result=result)
        else:
            words["sent_result"] = result
        return self.connection.execute(decided, words).rowcount
