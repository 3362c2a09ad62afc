"""``tidings providers``: which accounts carry each channel, whether they take a message, and how they have been answering."""

import secrets
import time
from collections.abc import Mapping
from dataclasses import asdict, fields
from typing import Annotated
from zoneinfo import ZoneInfo

import typer

from campaigns.accounts import Account, Standing, read_standing
from campaigns.sends.calls import Calls, count_calls
from channels.message import Channel, Message, Outcome, OutcomeKind, Purpose
from channels.registry import PROVIDERS
from config.callback_addresses import callback_address
from config.wiring import Application, open_application
from console.output import in_words, print_json, print_table, run_command, say
from database.engine import read_clock
from language.problems import refuse
from members.addresses import NORMALISERS
from members.durations import parse_duration

app = typer.Typer(help="Providers: list, test, stats.", no_args_is_help=True)

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON")]
#: Seconds a test message may take.
PATIENCE = 30.0


@app.command("list")
@run_command
def list_command(as_json: AsJson = False) -> None:
    """List the accounts that carry each channel, how they stand, where they may call us, and whom else there is to choose."""
    with open_application() as application:
        names = [account.name for account in application.every_account]
        with application.database.transaction() as connection:
            day = read_clock(connection).astimezone(ZoneInfo(application.settings.time_zone)).date()
            standing = read_standing(connection, names, day=day)
        rows = [
            _described(application, channel, account, standing[account.name])
            for channel, accounts in application.accounts.items()
            for account in accounts
        ]
    chosen = {row["provider"] for row in rows}
    others = sorted(name for name in PROVIDERS if name not in chosen)
    if as_json:
        print_json({"accounts": rows, "others": others})
        return
    columns = ("channel", "account", "in use", "weight", "trusted with", "state", "today", "together", "can be asked")
    print_table("Providers", columns, [_as_cells(row) for row in rows])
    say("There are also: {names}", names=", ".join(others))
    say("Where each may call us: {command}", command="tidings keys callbacks")


def _as_cells(row: Mapping[str, object]) -> list[object]:
    """Return what stands in the table; the long addresses have a command of their own."""
    limit = "" if row["per_day"] is None else f"/{row['per_day']}"
    return [
        row["channel"],
        row["account"],
        in_words(str(row["in_use"])),
        row["weight"],
        f"{row['share']:.0%}",
        in_words(str(row["state"])),
        "–" if row["used"] is None else f"{row['used']}{limit}",
        row["window"],
        in_words("yes" if row["can_look_up"] else "no"),
    ]


def _described(application: Application, channel: str, account: Account, standing: Standing) -> dict[str, object]:
    """Return what programs get; ``used`` is what went of the day's quota, None where nobody counts."""
    configured, provider = channel in application.settings.providers, account.provider
    return {
        "channel": channel,
        "account": account.name,
        "provider": provider.name,
        "in_use": "configured" if configured else "simulated",
        "weight": account.weight,
        "share": standing.share / 100,
        "state": "left alone" if standing.is_open else "on trial" if standing.trips else "well",
        "used": standing.used if account.has_limits else None,
        "per_day": account.per_day,
        "window": provider.window,
        "can_look_up": provider.can_look_up,
        "callback": callback_address(application.secret, account.name, public_url=application.public_url),
    }


@app.command()
@run_command
def test(
    name: Annotated[str, typer.Argument(help="The account, or the channel whose first account is tried")],
    to: Annotated[str, typer.Option("--to", help="Your own number, mail address or openid")],
    template: Annotated[str, typer.Option("--template", help="The template whose approved code is used")] = "test",
    as_json: AsJson = False,
) -> None:
    """Send one real message outside every campaign; exit code 0 only if the provider took it."""
    with open_application() as application:
        account = _named(application, name)
        message = _test_message(application, account.provider.channel, to, template)
        (outcome,) = account.provider.deliver([message], deadline=time.monotonic() + PATIENCE)
    _tell(account, message, outcome, as_json=as_json)
    if outcome.kind is not OutcomeKind.ACCEPTED:
        raise typer.Exit(1)


def _named(application: Application, name: str) -> Account:
    found = application.account(name) or next(iter(application.accounts.get(name, ())), None)
    if found is None:
        known = ", ".join(sorted(each.name for each in application.every_account))
        raise refuse("{name} carries no channel here; there are {known}", name=name, known=known)
    return found


def _test_message(application: Application, channel: Channel, to: str, template: str) -> Message:
    normalised = NORMALISERS[channel.value](to)
    if normalised.problem is not None:
        raise refuse("--to: this cannot be an address for {channel}: {problem}", channel=channel.value, problem=normalised.problem)
    words = in_words("This is a test message of Tidings.")
    parts = {
        Channel.SMS: {"text": f"【{application.settings.brand.zh}】{words}"},
        Channel.EMAIL: {"subject": words, "text": words, "html": f"<p>{words}</p>"},
        Channel.WECHAT: {"thing1": words[:20]},
    }[channel]
    return Message(
        reference=f"test-{secrets.token_hex(6)}",
        channel=channel,
        address=normalised.address,
        parts=parts,
        template=template,
        purpose=Purpose.SERVICE,
    )


def _tell(account: Account, message: Message, outcome: Outcome, *, as_json: bool) -> None:
    told = {
        "account": account.name,
        "reference": message.reference,
        "outcome": outcome.kind.value,
        "provider_ref": outcome.provider_ref,
        "code": outcome.code,
        "detail": outcome.detail,
    }
    if as_json:
        print_json(told)
        return
    say("{provider}: {outcome}", provider=account.name, outcome=outcome.kind.value)
    for title, value in (("Its reference", outcome.provider_ref), ("Its code", outcome.code), ("Why", outcome.detail)):
        if value:
            say("{title}: {value}", title=in_words(title), value=value)


@app.command()
@run_command
def stats(
    since: Annotated[str, typer.Option("--since", help="How far back, such as 24h or 7d")] = "24h", as_json: AsJson = False
) -> None:
    """Count what each provider answered, and how fast."""
    back = parse_duration(since)
    with open_application() as application, application.database.transaction() as connection:
        found = count_calls(connection, since=read_clock(connection) - back)
    if as_json:
        print_json([asdict(each) for each in found])
        return
    columns = [field.name.replace("_", " ") for field in fields(Calls)]
    print_table("Answers of providers", columns, [list(asdict(each).values()) for each in found])
