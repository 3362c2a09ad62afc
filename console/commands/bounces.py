"""``tidings bounces``: what mails in a bounce mailbox say."""

import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated

import typer

from channels.email.bounce_reasons import Verdict, gentlest
from channels.email.bounces import Bounce, Finding, MailKind, read_bounce
from channels.email.incoming import MOST_BYTES
from channels.email.return_address import ReturnAddress
from console.output import REFUSED, in_words, print_json, print_table, remark, run_command

app = typer.Typer(help="Mails that came back: read them.", no_args_is_help=True)

COLUMNS = ("file", "mail", "address", "verdict", "code", "our reference", "the server's words")
#: What a verdict means, in a person's words.
VERDICTS: Mapping[Verdict, str] = {
    Verdict.HARD: "hard: the address is dead",
    Verdict.SOFT: "soft: not this time",
    Verdict.SENDER: "sender: our matter, not the address's",
    Verdict.COMPLAINT: "complaint: the member wants no more",
    Verdict.NONE: "none",
}
KINDS: Mapping[MailKind, str] = {
    MailKind.BOUNCE: "bounce",
    MailKind.DELAYED: "still being tried",
    MailKind.DELIVERED: "arrived",
    MailKind.COMPLAINT: "complaint",
    MailKind.AUTO_REPLY: "automatic reply",
    MailKind.OTHER: "no bounce",
}


@app.command("read")
@run_command
def read(
    files: Annotated[list[str], typer.Argument(help="Files with one mail each; - reads one from standard input")],
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON for programs.")] = False,
    address: Annotated[
        str | None,
        typer.Option("--address", help="Our bounce address; without it any reference that looks like one is shown"),
    ] = None,
) -> None:
    """Say what each mail is, whom it is about and with which verdict.  Nothing is stored.

    Only "hard" and "complaint" ever suppress an address.  Exit code 2 where a file cannot be read.
    """
    ours = ReturnAddress(address=address) if address else None
    read_mails: list[tuple[str, Bounce]] = []
    unread = 0
    for file in files:
        try:
            read_mails.append((file, read_bounce(_bytes_of(file), ours)))
        except (OSError, ValueError) as error:  # ValueError: no file can have such a name.
            unread += 1
            reason = error.strerror if isinstance(error, OSError) and error.strerror else type(error).__name__
            remark("{file} cannot be read: {reason}", file=file, reason=reason)
    if as_json:
        print_json([_as_data(file, bounce) for file, bounce in read_mails])
    elif read_mails:
        print_table("Mails that came back", COLUMNS, _rows(read_mails))
    if unread:
        raise typer.Exit(REFUSED)


def _bytes_of(file: str) -> bytes:
    """Return as much of a file as is ever looked at.

    Raises:
        OSError: it cannot be read.
        ValueError: it cannot even be named.
    """
    if file == "-":
        return sys.stdin.buffer.read(MOST_BYTES)
    with Path(file).open("rb") as opened:
        return opened.read(MOST_BYTES)


def _rows(read_mails: Sequence[tuple[str, Bounce]]) -> Iterator[Sequence[object]]:
    for file, bounce in read_mails:
        for finding in bounce.findings or (Finding(address=None, verdict=Verdict.NONE, final=False),):
            code = " ".join(str(each) for each in (finding.reply, finding.status) if each)
            yield (
                Path(file).name,
                in_words(KINDS[bounce.kind]),
                finding.address,
                in_words(VERDICTS[finding.verdict]),
                code or None,
                bounce.reference,
                finding.diagnostic[:100] or None,
            )


def _as_data(file: str, bounce: Bounce) -> dict[str, object]:
    """Return a mail for programs.  ``verdict`` is the gentlest of ``verdicts``, a complaint apart."""
    return {
        "file": file,
        "kind": str(bounce.kind),
        "verdict": str(gentlest(bounce.verdicts)),
        "verdicts": [str(verdict) for verdict in bounce.verdicts],
        "reference": bounce.reference,
        "reference_from": bounce.reference_from,
        "returned_to": bounce.returned_to,
        "envelope_id": bounce.envelope_id,
        "message_id": bounce.message_id,
        "addresses": [
            {
                "address": each.address,
                "verdict": str(each.verdict),
                "final": each.final,
                "action": each.action,
                "status": each.status,
                "reply": each.reply,
                "diagnostic": each.diagnostic,
            }
            for each in bounce.findings
        ],
    }
