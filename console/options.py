"""Arguments and options that several commands take."""

from typing import Annotated

import typer

MemberId = Annotated[str, typer.Argument(metavar="ID", help="The member's key in the CRM, or our id")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON")]
