"""``tidings consent``: what members agreed to, and whether the log of it is whole."""

from dataclasses import asdict
from typing import Annotated

import typer
from sqlalchemy import text

from config.foundation import open_foundation
from console.output import FAILED, language, print_json, print_table, run_command, say
from database.engine import read_clock
from language.problems import refuse
from members.consent import NO_SOURCE, OUR_SOURCES, NewConsent, record_consents
from members.consent_chain import Chain, check_chain, link_all_consents
from members.double_opt_in import CHANNELS, PURPOSES, Confirmation, confirm_opt_in, request_opt_in
from members.people import the_member
from templates.links import opt_in_token, read_opt_in_token

app = typer.Typer(help="Consent: show, record, request, confirm, verify.", no_args_is_help=True)

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON")]
Member = Annotated[str, typer.Argument(metavar="MEMBER", help="The member's key in the CRM, or our id")]
Channel = Annotated[str, typer.Option("--channel", help="sms, email or wechat")]
Purpose = Annotated[str, typer.Option("--purpose", help="marketing or service")]
Source = Annotated[str, typer.Option("--source", help="Where it was said: counter, phone, letter")]
Version = Annotated[str, typer.Option("--text-version", help="Which wording it was about")]

_LOG = """
SELECT c.channel, c.purpose, c.granted, c.source, c.text_version, c.occurred_at, c.recorded_at, c.proof,
    n.consent_id IS NOT NULL AS stands
FROM consents c LEFT JOIN consent_now n ON n.consent_id = c.id WHERE c.member_id = :member
ORDER BY c.channel, c.purpose, c.occurred_at DESC, c.id DESC
"""


@app.command()
@run_command
def show(member: Member, as_json: AsJson = False) -> None:
    """Show every answer of a member, and which of them stand now."""
    with open_foundation() as ground, ground.database.transaction() as connection:
        found = the_member(connection, member)
        rows = [dict(row) for row in connection.execute(text(_LOG), {"member": found.id}).mappings()]
    if as_json:
        print_json(rows)
        return
    columns = ("stands", "channel", "purpose", "granted", "source", "text_version", "occurred_at", "proof")
    print_table("Consents", columns, [[row[name] for name in columns] for row in rows])


@app.command()
@run_command
def record(
    member: Member,
    channel: Channel,
    source: Source,
    granted: Annotated[bool | None, typer.Option("--yes/--no", help="What the member said")] = None,
    purpose: Purpose = "marketing",
    text_version: Version = "",
) -> None:
    """Record a member's answer that was given to a person."""
    if granted is None:
        raise refuse("say --yes or --no")
    if channel not in CHANNELS or purpose not in PURPOSES:
        raise refuse("{channel} and {purpose} are no channel and purpose of ours", channel=channel, purpose=purpose)
    if source in OUR_SOURCES:
        raise refuse(NO_SOURCE, source=source)
    with open_foundation() as ground, ground.database.transaction() as connection:
        said = NewConsent(
            member_id=the_member(connection, member).id, channel=channel, purpose=purpose, granted=granted,
            source=source, text_version=text_version,
        )  # fmt: skip
        record_consents(connection, [said], now=read_clock(connection))
    say("Recorded.")


@app.command()
@run_command
def request(
    member: Member,
    channel: Channel,
    source: Source,
    purpose: Purpose = "marketing",
    text_version: Version = "",
    as_json: AsJson = False,
) -> None:
    """Note a member's wish to hear from us, and show the link that confirms it; until then it is no consent."""
    with open_foundation() as ground, ground.database.transaction() as connection:
        wish = request_opt_in(
            connection, the_member(connection, member).id, channel, purpose, source=source, text_version=text_version,
            now=read_clock(connection),
        )  # fmt: skip
    link = f"{ground.public_url}/o/{opt_in_token(ground.secret, wish.member_id, wish.id)}"
    if as_json:
        print_json({**asdict(wish), "link": link})
        return
    say("{link}", link=link)
    say("Whoever opens it and presses the button agrees; it holds until {moment}.", moment=f"{wish.expires_at:%Y-%m-%d %H:%M}Z")


@app.command()
@run_command
def confirm(token: Annotated[str, typer.Argument(metavar="LINK", help="The link, or what follows its last /")]) -> None:
    """Confirm a wish, as its link does."""
    with open_foundation() as ground, ground.database.transaction() as connection:
        said = read_opt_in_token(ground.secret, token.rpartition("/")[2])
        came = Confirmation.UNKNOWN if said is None else confirm_opt_in(connection, said.member_id, said.wish_id, now=read_clock(connection))
    if came is Confirmation.UNKNOWN:
        raise refuse("this link is none of ours, or its member was erased")
    if came is Confirmation.EXPIRED:
        raise refuse("this wish was not confirmed in time; request it once more")
    say("Confirmed." if came is Confirmation.CONFIRMED else "It was confirmed before; nothing changed.")


@app.command()
@run_command
def verify(
    noted: Annotated[str, typer.Option("--noted", help="A last digest noted earlier, which must still be in the chain")] = "",
    as_json: AsJson = False,
) -> None:
    """Check that nobody changed, removed, added or moved an answer in the log."""
    with open_foundation() as ground:
        with ground.database.transaction() as connection:
            link_all_consents(connection, now=read_clock(connection))
        chain = check_chain(ground.database, noted=noted.lower() or None)
    if as_json:
        flaws = [flaw.told(language()) for flaw in chain.flaws]
        print_json({**asdict(chain), "flaws": flaws, "whole": chain.is_whole})
    else:
        _tell(chain)
    if not chain.is_whole:
        raise typer.Exit(FAILED)


def _tell(chain: Chain) -> None:
    for flaw in chain.flaws:
        say("{flaw}", flaw=flaw.told(language()))
    if not chain.holds_head:
        say("The digest that was noted is not in the chain: it was written anew since.")
    if chain.is_whole:
        say("{consents} consents in {links} links, all as they were written.", consents=chain.consents, links=chain.links)
    say("Last digest, to be noted elsewhere: {head}", head=chain.head or "—")
