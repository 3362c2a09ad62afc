"""Write one send's message: the member's facts in the template's words, our links, and what its purpose asks for."""

from collections.abc import Mapping

from campaigns.sends import Unwritten, reference_of
from channels.message import Channel, Message, Purpose
from templates.links import links_for
from templates.rendering import CompiledTemplate, Rendered


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
) -> tuple[Message, Rendered]:
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
    words = template.render(channel.value, send.language, facts, links=links)
    message = Message(
        reference=reference_of(send.id, installation),
        channel=channel,
        address=send.address,
        parts=words.parts,
        template=template.name,
        variables=words.variables,
        headers=_headers(links["unsubscribe"]) if channel is Channel.EMAIL else {},
        purpose=purpose,
    )
    return message, words


def _headers(unsubscribe: str) -> dict[str, str]:
    return {"List-Unsubscribe": f"<{unsubscribe}>", "List-Unsubscribe-Post": "List-Unsubscribe=One-Click"}
