"""``tidings simulator``: a pretend world of providers, for trying everything without an account."""

from pathlib import Path
from typing import Annotated

import typer

from channels.registry import PROVIDERS
from channels.simulator.faults import FaultRules
from channels.simulator.running import run_simulator
from channels.simulator.settings import ReceiptRules, SimulatorSettings
from config.callback_addresses import callback_address
from config.foundation import installation_secret
from config.settings import read_settings
from console.output import fail, run_command, say

app = typer.Typer()


@app.command()
@run_command
def simulator(
    http_port: Annotated[int | None, typer.Option(help="Port of the SMS and WeChat side and its page; 0: any")] = None,
    smtp_port: Annotated[int | None, typer.Option(help="Port of the mail server; 0: any")] = None,
    record: Annotated[Path | None, typer.Option(help="The file that remembers every message")] = None,
    answer_lost: Annotated[float, typer.Option(min=0, max=1, help="Share taken whose answer is lost")] = 0.0,
    unavailable: Annotated[float, typer.Option(min=0, max=1, help="Share turned away for now")] = 0.0,
    latency: Annotated[float, typer.Option(min=0, help="Seconds every answer takes")] = 0.0,
    undelivered: Annotated[float, typer.Option(min=0, max=1, help="Share taken that never arrives")] = 0.02,
    doubled: Annotated[float, typer.Option(min=0, max=1, help="Share of reports told twice")] = 0.0,
    hold: Annotated[bool, typer.Option("--hold", help="Keep reports until POST /_simulator/release")] = False,
    callback_url: Annotated[str | None, typer.Option(help="Public address to report to; the settings' own")] = None,
    seed: Annotated[int, typer.Option(help="The same seed misbehaves in the same way")] = 0,
) -> None:
    """Run pretend SMS, WeChat and mail providers until stopped; they misbehave as told."""
    settings = read_settings()
    addresses = _callback_addresses(installation_secret(settings), callback_url or str(settings.public_url))
    wanted = SimulatorSettings(
        record=record or settings.home / "simulator.jsonl",
        http_port=settings.simulator.http_port if http_port is None else http_port,
        smtp_port=settings.simulator.smtp_port if smtp_port is None else smtp_port,
        seed=seed,
        faults=FaultRules(answer_lost=answer_lost, unavailable=unavailable, latency=latency),
        receipts=ReceiptRules(callback_urls=addresses, held=hold, failed=undelivered, doubled=doubled),
    )
    try:
        run_simulator(wanted, ready=lambda http, smtp: _welcome(wanted, http, smtp))
    except (OSError, ValueError) as error:
        fail("The simulator cannot run: {reason}.", reason=str(error))


def _callback_addresses(secret: bytes, public_url: str) -> dict[str, str]:
    return {name: callback_address(secret, name, public_url=public_url) for name in PROVIDERS}


def _welcome(wanted: SimulatorSettings, http_port: int, smtp_port: int) -> None:
    say(
        "The simulator listens at http://{host}:{http_port} and for mail at port {smtp_port}; it remembers in {record}.",
        host=wanted.host,
        http_port=http_port,
        smtp_port=smtp_port,
        record=wanted.record,
    )
