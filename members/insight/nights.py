"""What happens once a night: at which hour, by which definition, and what was learnt then."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo
from typing import Any, TypeVar

from sqlalchemy import Connection, delete, func, select, update
from sqlalchemy.dialects.postgresql import insert as upsert

from database.loyalty_tables import fits
from database.member_tables import definitions, upkeep
from language.problems import InputRefused, refuse
from members.definitions import Defined, Definition, DefinitionsApplied, load_definitions, save_definitions

#: Kinds of definitions learnt from by a process of their own; its chores have the same names.
LEARNT = ("predictions", "together", "clusters")

Kind = TypeVar("Kind", bound=Definition)


class Nightly(Definition):
    """What a night's work goes by; it says at which hour."""

    hour: int  #: 0 to 23, in the installation's zone


AtNight = TypeVar("AtNight", bound=Nightly)


def last_night(now: datetime, *, zone: tzinfo, hour: int) -> datetime:
    """Return the latest moment, not after ``now``, at which clocks in ``zone`` showed this full hour."""
    local = now.astimezone(zone)
    at = local.replace(hour=hour, minute=0, second=0, microsecond=0, fold=0)
    return at if at <= local else at - timedelta(days=1)


def is_night(*, since: datetime | None, now: datetime, zone: tzinfo, hour: int) -> bool:
    """Say whether the hour has struck since then; after days without work it has struck once."""
    return since is None or since < last_night(now, zone=zone, hour=hour)


def due(connection: Connection, *, now: datetime, zone: tzinfo) -> list[str]:
    """Return the kinds of definitions whose hour has struck since they were last learnt from, or that never were.

    None while somebody is at one of them: they have their order, and the rest of them is that process's too.
    """
    begun = select(func.count()).where(upkeep.c.kind.in_(LEARNT))
    free = select(upkeep.c.kind).where(upkeep.c.kind.in_(LEARNT)).with_for_update(skip_locked=True)
    if len(connection.execute(free).all()) < connection.execute(begun).scalar_one():
        return []
    known = (
        select(definitions.c.kind, definitions.c.definition["hour"].as_integer(), upkeep.c.done_to)
        .outerjoin(upkeep, upkeep.c.kind == definitions.c.kind)
        .where(definitions.c.kind.in_(LEARNT))
        .order_by(definitions.c.kind)
    )
    found = connection.execute(known).all()
    return [kind for kind, hour, since in found if is_night(since=since, now=now, zone=zone, hour=hour)]


def definition_due(
    connection: Connection, model: type[AtNight], *, since: datetime | None, now: datetime, zone: tzinfo
) -> AtNight | None:
    """Return the definition of this kind if its hour has struck since then; None: it has not, or nobody defined it."""
    found = only_definition(connection, model)
    return found if found is not None and is_night(since=since, now=now, zone=zone, hour=found.hour) else None


def save_only(connection: Connection, wanted: list[Kind], *, now: datetime) -> DefinitionsApplied:
    """Keep the one definition of its kind in place of the one kept so far.

    Raises:
        InputRefused: there are several.
    """
    if len(wanted) > 1:
        raise refuse(
            "there can be one definition of {kind}; found {names}",
            kind=wanted[0].kind,
            names=", ".join(one.name for one in wanted),
        )
    others = [definitions.c.kind == wanted[0].kind, definitions.c.name != wanted[0].name]
    connection.execute(delete(definitions).where(*others))
    return save_definitions(connection, wanted, now=now)


def only_definition(connection: Connection, model: type[Defined]) -> Defined | None:
    """Return the definition of this kind; None: nobody defined it."""
    return next(iter(load_definitions(connection, model).values()), None)


def required_definition(connection: Connection, model: type[Defined]) -> Defined:
    """Return the definition of this kind.

    Raises:
        InputRefused: nobody defined it.
    """
    found = only_definition(connection, model)
    if found is None:
        raise refuse("nothing is defined yet; run: tidings {kind} apply FILE", kind=model.kind)
    return found


# ------------------------------------------------------------------ what was learnt


@dataclass(frozen=True, kw_only=True)
class Fit:
    """What a model learnt, and when."""

    name: str
    parameters: Mapping[str, Any]  #: ``problem`` among them: why it could not learn anew
    fitted_at: datetime


def load_fit(connection: Connection, kind: str, *, for_update: bool = False) -> Fit | None:
    """Return what the model of this kind learnt last, for oneself alone where it is to be changed; None: nothing so far."""
    wanted = select(fits).where(fits.c.kind == kind)
    found = connection.execute(wanted.with_for_update() if for_update else wanted).one_or_none()
    return Fit(name=found.name, parameters=found.parameters, fitted_at=found.fitted_at) if found else None


def save_fit(connection: Connection, kind: str, name: str, parameters: Mapping[str, Any], *, now: datetime) -> None:
    """Keep what the model of this kind learnt in place of what it knew."""
    connection.execute(delete(fits).where(fits.c.kind == kind, fits.c.name != name))
    told = upsert(fits).values(kind=kind, name=name, parameters=parameters, fitted_at=now)
    connection.execute(
        told.on_conflict_do_update(
            index_elements=["kind", "name"],
            set_={"parameters": told.excluded.parameters, "fitted_at": told.excluded.fitted_at},
        )
    )


def forget_problem(connection: Connection, kind: str) -> None:
    """Say no longer why a model could not learn: what it knows was enough again."""
    known = load_fit(connection, kind, for_update=True)
    if known is not None and "problem" in known.parameters:
        parameters = {name: value for name, value in known.parameters.items() if name != "problem"}
        connection.execute(update(fits).where(fits.c.kind == kind).values(parameters=parameters))


def note_problem(connection: Connection, kind: str, name: str, refused: InputRefused, *, now: datetime) -> None:
    """Keep why a model could not learn beside what it knew before, which stays."""
    known = load_fit(connection, kind, for_update=True)
    problem = {"sentence": refused.problems[0].sentence, "values": dict(refused.problems[0].values), "at": now.isoformat()}
    if known is None:
        save_fit(connection, kind, name, {"problem": problem}, now=now)
        return
    parameters = {**known.parameters, "problem": problem}
    connection.execute(update(fits).where(fits.c.kind == kind).values(parameters=parameters))


@contextmanager
def noting_problems(connection: Connection, definition: Definition, *, now: datetime) -> Iterator[None]:
    """Where the block cannot learn, note why and go on."""
    try:
        yield
    except InputRefused as refused:
        note_problem(connection, definition.kind, definition.name, refused, now=now)
