"""Put campaigns into the database, and find them there."""

import difflib
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, Row, bindparam, func, select, update
from sqlalchemy.dialects.postgresql import insert

from campaigns.audience import audience_problems
from campaigns.campaign import Campaign, CampaignDefinition
from campaigns.control import ensure_experiment
from campaigns.pinned import pinned_template
from database.tables import campaigns, template_versions
from language.problems import InputRefused, Problem, refuse
from members.coupons.definition import Coupon
from members.definitions import load_definitions
from members.segments.storing import hold_definitions, load_segments
from templates.library import Library, digest
from templates.text_messages import SignedBy, unsigned_languages


@dataclass(frozen=True, kw_only=True)
class Applied:
    """What putting a set of definitions into the database changed."""

    new: tuple[str, ...]
    changed: tuple[str, ...]
    unchanged: tuple[str, ...]


def _pin_template(connection: Connection, name: str, library: Library) -> int:
    content = library.content(name)
    mark = digest(content)
    connection.execute(
        insert(template_versions).values(name=name, digest=mark, content=content).on_conflict_do_nothing()
    )
    return int(
        connection.execute(select(template_versions.c.id).where(template_versions.c.digest == mark)).scalar_one()
    )


def template_problems(
    definitions: Sequence[CampaignDefinition], library: Library, *, signed_by: SignedBy = SignedBy.ANYONE
) -> list[Problem]:
    """List the templates that are not in the library, lack a channel the campaign uses, or lack marketing's way out.

    ``signed_by`` says who puts the signature in front of text messages, for it must be there once.
    """
    problems = []
    for definition in definitions:
        if definition.template not in library.names():
            near = difflib.get_close_matches(definition.template, library.names(), n=1)
            known = near[0] if near else ", ".join(library.names())
            sentence = "campaign {name}: there is no template {template}; expected {known}"
            values = {"name": definition.campaign, "template": definition.template, "known": known}
            problems.append(Problem(sentence=sentence, values=values, field="template"))
            continue
        if definition.purpose == "marketing" and library.content(definition.template)["purpose"] == "service":
            sentence = "campaign {name}: template {template} is for service messages and tells nobody how to unsubscribe"
            values = {"name": definition.campaign, "template": definition.template}
            problems.append(Problem(sentence=sentence, values=values, field="purpose"))
        carried = library.channels(definition.template)
        for channel in definition.channels:
            if channel not in carried:
                sentence = "campaign {name}: template {template} has no words for {channel}"
                values = {"name": definition.campaign, "template": definition.template, "channel": channel}
                problems.append(Problem(sentence=sentence, values=values, field="channels"))
        problems += _signature_problems(definition, library, signed_by)
    return problems


def coupon_problems(definitions: Sequence[CampaignDefinition], known: Collection[str]) -> list[Problem]:
    """List the campaigns whose coupon nobody has defined."""
    return [
        Problem(
            sentence="campaign {name}: there is no coupon {coupon}; expected {known}",
            values={
                "name": definition.campaign,
                "coupon": definition.coupon,
                "known": ", ".join(difflib.get_close_matches(definition.coupon, known, n=1) or sorted(known)) or "—",
            },
            field="coupon",
        )
        for definition in definitions
        if definition.coupon is not None and definition.coupon not in known
    ]


def _signature_problems(definition: CampaignDefinition, library: Library, signed_by: SignedBy) -> list[Problem]:
    wrong = unsigned_languages(library.content(definition.template), signed_by)
    if "sms" not in definition.channels or not wrong:
        return []
    values = {"name": definition.campaign, "template": definition.template, "languages": ", ".join(wrong)}
    if signed_by is SignedBy.PROVIDER:
        sentence = "campaign {name}: the SMS provider puts the 【signature】 in front; take it out of template {template} ({languages})"
        return [Problem(sentence=sentence, values=values, field="template")]
    sentence = "campaign {name}: the SMS provider adds no 【signature】; begin template {template} ({languages}) with 【{{{{ brand }}}}】"
    return [Problem(sentence=sentence, values=values, field="template")]


def _next_run(definition: CampaignDefinition, known: Row[tuple[object, ...]] | None, now: datetime) -> datetime | None:
    if definition.schedule is None:
        return None
    if definition.schedule.at is not None:
        # A moment that is past launches at once when it is new, and never again when it was there before.
        unchanged = known is not None and (known.definition.get("schedule") or {}).get("at") is not None
        return known.next_run_at if unchanged and known is not None else definition.schedule.at
    return definition.schedule.next_after(now)


def apply_campaigns(
    connection: Connection,
    definitions: Sequence[CampaignDefinition],
    library: Library,
    *,
    now: datetime,
    signed_by: SignedBy = SignedBy.ANYONE,
) -> Applied:
    """Make the database say what the definitions say; the same definitions twice change nothing.

    Each campaign's template is pinned as it is now, so that a send planned today keeps
    today's words.

    Raises:
        InputRefused: a template is missing or cannot be used, or nobody knows a segment; nothing was applied.
    """
    hold_definitions(connection)  # A segment that is being changed is found changed.
    problems = template_problems(definitions, library, signed_by=signed_by)
    problems += coupon_problems(definitions, load_definitions(connection, Coupon))
    problems += audience_problems(definitions, load_segments(connection))
    if problems:
        raise InputRefused(problems)
    new: list[str] = []
    changed: list[str] = []
    unchanged: list[str] = []
    for definition in definitions:
        version = _pin_template(connection, definition.template, library)
        content = definition.model_dump(mode="json")
        name = definition.campaign
        known = connection.execute(select(campaigns).where(campaigns.c.name == name)).one_or_none()
        ensure_experiment(
            connection, f"campaign:{name}", salt=f"campaign:{name}", control_share=definition.control.share
        )
        if known is not None and known.definition == content and known.template_version_id == version:
            unchanged.append(name)
            continue
        (new if known is None else changed).append(name)
        values = {
            "definition": content,
            "template_version_id": version,
            "next_run_at": _next_run(definition, known, now),
            "updated_at": now,
        }
        connection.execute(
            insert(campaigns).values(name=name, **values).on_conflict_do_update(index_elements=["name"], set_=values)
        )
    return Applied(new=tuple(new), changed=tuple(changed), unchanged=tuple(unchanged))


_FIND = (
    select(campaigns, template_versions.c.digest)
    .join(template_versions, template_versions.c.id == campaigns.c.template_version_id)
    .where(campaigns.c.name == bindparam("campaign_name"))
)


def load_campaign(connection: Connection, name: str) -> Campaign:
    """Find a campaign by its name.

    Raises:
        InputRefused: there is none of that name; the nearest one is suggested.
    """
    row = connection.execute(_FIND, {"campaign_name": name}).one_or_none()
    if row is None:
        names = list(connection.execute(select(campaigns.c.name).order_by(campaigns.c.name)).scalars())
        near = difflib.get_close_matches(name, names, n=1)
        raise refuse(
            "there is no campaign {name}; expected {known}",
            name=name,
            known=near[0] if near else ", ".join(names) or "-",
        )
    definition = CampaignDefinition.model_validate(row.definition)
    share = definition.control.share
    experiment = ensure_experiment(connection, f"campaign:{name}", salt=f"campaign:{name}", control_share=share)
    return Campaign(
        id=row.id,
        name=name,
        state=row.state,
        definition=definition,
        template_version_id=row.template_version_id,
        template=pinned_template(connection, row.digest),
        experiment_id=experiment,
    )


def set_campaign_state(connection: Connection, name: str, state: str) -> None:
    """Pause, resume or cancel a campaign; what is already with a provider stays there.

    Raises:
        InputRefused: there is no such campaign, or it is cancelled, which is for ever.
    """
    campaign = load_campaign(connection, name)
    if campaign.state == "cancelled" and state != "cancelled":
        raise refuse("campaign {name} is cancelled, and that is for ever; give a new one a new name", name=name)
    connection.execute(
        update(campaigns).where(campaigns.c.id == campaign.id).values(state=state, updated_at=func.now())
    )
