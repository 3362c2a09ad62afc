"""Write the words of claimed sends, for one member each."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from sqlalchemy import Connection, select

from campaigns.accounts import Account
from campaigns.campaign import CampaignDefinition
from campaigns.carrier import Carrier
from campaigns.coupons import NO_COUPON, give_coupons
from campaigns.pinned import pinned_template
from campaigns.rendering_facts import facts_for
from campaigns.rules import PlanningRules
from campaigns.sends import Rendered, Unwritten, reference_of
from campaigns.terms import Terms, terms_of
from campaigns.trigger_facts import triggers_of
from channels.message import Channel, Message, Purpose
from database.tables import campaigns, template_versions
from templates.links import links_for
from templates.rendering import CompiledTemplate, RenderRefused
from templates.rendering import Rendered as Words


@dataclass(frozen=True, kw_only=True, slots=True)
class Written:
    """A send with its words."""

    send: Unwritten
    message: Message
    parts: int

    def priced(self, account: Account, otherwise: Decimal) -> Rendered:
        """Return what the ledger is told of it when ``account`` carries it."""
        cost = account.price_of(self.message.address, otherwise=otherwise) * self.parts
        return Rendered(
            id=self.send.id,
            member_id=self.send.member_id,
            parts=self.parts,
            cost=cost,
            permission=account.provider.permission_for(self.message),
        )


def terms_by_campaign(connection: Connection, campaign_ids: set[int], rules: PlanningRules) -> Mapping[int, Terms]:
    """Return the terms of these campaigns as they stand."""
    rows = connection.execute(select(campaigns.c.id, campaigns.c.definition).where(campaigns.c.id.in_(campaign_ids)))
    return {row.id: terms_of(CampaignDefinition.model_validate(row.definition), rules) for row in rows}


def write_words(
    connection: Connection,
    carrier: Carrier,
    claimed: Sequence[Unwritten],
    terms: Mapping[int, Terms],
    now: datetime,
    *,
    again: bool = False,
) -> tuple[list[Written], list[tuple[int, str]]]:
    """Write each send's words; one that cannot be written ends here and stops no other.

    ``again``: they were written before, and nothing more is given away for them.
    """
    templates = _templates(connection, {send.template_version_id for send in claimed})
    spoken_of = frozenset[str]().union(*(template.facts for template in templates.values()))
    ids = [send.member_id for send in claimed]
    facts = facts_for(connection, ids, now, orders="orders" in spoken_of, loyalty="loyalty" in spoken_of)
    causes = triggers_of(connection, claimed) if "trigger" in spoken_of else {}
    coupons = give_coupons(connection, claimed, terms, now=None if again else now)
    ready, refused = [], []
    for send in claimed:
        if send.member_id not in facts:
            refused.append((send.id, "erased"))
            continue
        known = {**facts[send.member_id], **coupons.get(send.id, {}), "trigger": causes.get(send.id), "brand": carrier.rules.brand}
        try:
            if terms[send.campaign_id].coupon is not None and send.id not in coupons:
                raise RenderRefused(NO_COUPON)
            purpose = Purpose(terms[send.campaign_id].purpose)
            ready.append(_written(carrier, send, templates[send.template_version_id], known, purpose))
        except RenderRefused as reason:
            refused.append((send.id, f"words:{reason.reason}"))
    return ready, refused


def messages_again(
    connection: Connection, carrier: Carrier, unwritten: Sequence[Unwritten], now: datetime
) -> dict[int, Message]:
    """Write sends' messages once more, by send, those of erased members left out.

    The words are the same unless what is known of the member has changed since.
    """
    terms = terms_by_campaign(connection, {send.campaign_id for send in unwritten}, carrier.rules)
    written, _ = write_words(connection, carrier, unwritten, terms, now, again=True)
    return {each.send.id: each.message for each in written}


def _templates(connection: Connection, ids: set[int]) -> Mapping[int, CompiledTemplate]:
    rows = connection.execute(
        select(template_versions.c.id, template_versions.c.digest).where(template_versions.c.id.in_(ids))
    ).all()
    return {row.id: pinned_template(connection, row.digest).compiled for row in rows}


def _written(
    carrier: Carrier, send: Unwritten, template: CompiledTemplate, facts: Mapping[str, object], purpose: Purpose
) -> Written:
    message, words = write_message(
        send,
        template,
        facts,
        channel=carrier.accounts.channel,
        purpose=purpose,
        secret=carrier.secret,
        public_url=carrier.public_url,
        installation=carrier.installation,
    )
    return Written(send=send, message=message, parts=words.billed_parts)


def write_message(
    send: Unwritten,
    template: CompiledTemplate,
    facts: Mapping[str, object],
    *,
    channel: Channel,
    purpose: Purpose,
    secret: bytes,
    public_url: str,
    installation: str,
) -> tuple[Message, Words]:
    """Return the message, and its words as they were filled in.

    Raises:
        RenderRefused: it cannot be said to this member.
    """
    links = links_for(
        template,
        base_url=public_url,
        secret=secret,
        send_id=send.id,
        member_id=send.member_id,
        channel=channel.value,
    )
    said = template.render(channel.value, send.language, facts, links=links)
    message = Message(
        reference=reference_of(send.id, installation),
        channel=channel,
        address=send.address,
        parts=said.parts,
        template=template.name,
        variables=said.variables,
        headers=_headers(links["unsubscribe"]) if channel is Channel.EMAIL else {},
        images=said.images,
        purpose=purpose,
    )
    return message, said


def _headers(unsubscribe: str) -> dict[str, str]:
    return {"List-Unsubscribe": f"<{unsubscribe}>", "List-Unsubscribe-Post": "List-Unsubscribe=One-Click"}
