"""``tidings size``: how many members a question needs, and what an audience can show."""

from collections.abc import Mapping
from typing import Annotated

import typer

from console.output import print_json, run_command, say
from language.problems import refuse
from reports.interval import ALPHA
from reports.sizing import POWER, needed_size, power_of, smallest_lift
from reports.wording import count, percent

app = typer.Typer()

#: Control shares that are tried when the chosen one shows too little.
OTHER_SHARES = (0.2, 0.3, 0.5)


@app.command("size")
@run_command
def size_command(
    base: Annotated[float, typer.Option(help="Response rate without the message, such as 0.03")],
    lift: Annotated[float, typer.Option(help="Relative lift to be seen, such as 0.2 for 20 % more")],
    control: Annotated[float, typer.Option(help="Share held back, such as 0.1")],
    audience: Annotated[int | None, typer.Option(help="Members there are, both arms together")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON")] = False,
) -> None:
    """Say how many members are needed, and what an audience of a given size can show."""
    _check(base, lift, control, audience)
    needed = needed_size(base, base * lift, control_share=control)
    answer: dict[str, object] = {
        "base": base,
        "lift": lift,
        "control": control,
        "alpha": ALPHA,
        "power": POWER,
        "audience_needed": needed.audience,
        "treated_needed": needed.audience - _whole_up(needed.control),
        "control_needed": _whole_up(needed.control),
    }
    if audience is not None:
        answer |= _what_shows(base, lift, control, audience)
    if as_json:
        print_json(answer)
    else:
        _tell(answer, audience)


def _whole_up(members: float) -> int:
    return -int(-members // 1)


def _check(base: float, lift: float, control: float, audience: int | None) -> None:
    if not 0 < base < 1:
        raise refuse(
            "a rate between 0 and 1 was expected, such as 0.03 for 3 %; found {found}", field="--base", found=base
        )
    if not 0 < control < 1:
        raise refuse(
            "a share between 0 and 1 was expected, such as 0.1 for 10 %; found {found}",
            field="--control",
            found=control,
        )
    if not 0 < base * (1 + lift) < 1 or lift == 0:
        raise refuse(
            "the lifted rate must lie between 0 and 1 and differ from the base; {lift} from {base} does not",
            field="--lift",
            lift=lift,
            base=base,
        )
    if audience is not None and audience < 2:
        raise refuse("an audience has at least 2 members; found {found}", field="--audience", found=audience)


def _what_shows(base: float, lift: float, control: float, audience: int) -> dict[str, object]:
    held = min(audience - 1, max(1, round(audience * control)))
    smallest = smallest_lift(base, n_t=audience - held, n_c=held)
    return {
        "audience": audience,
        "treated": audience - held,
        "held_back": held,
        "power_at_audience": power_of(base, base * lift, n_t=audience - held, n_c=held),
        "mde_abs": smallest,
        "mde_rel": None if smallest is None else smallest / base,
        "mde_rel_at_control": {
            str(share): _relative(base, audience, share) for share in OTHER_SHARES if share > control
        },
    }


def _relative(base: float, audience: int, share: float) -> float | None:
    held = min(audience - 1, max(1, round(audience * share)))
    found = smallest_lift(base, n_t=audience - held, n_c=held)
    return None if found is None else found / base


def _tell(answer: Mapping[str, object], audience: int | None) -> None:
    say(
        "To see a lift of {lift} from {base} with {control} control, {audience} members are needed: "
        "{treated} messaged and {held} held back.",
        **_shares(answer),
        audience=count(_number(answer["audience_needed"])),
        treated=count(_number(answer["treated_needed"])),
        held=count(_number(answer["control_needed"])),
    )
    if audience is None:
        return
    smallest = _number(answer["mde_rel"])
    if smallest is None:
        say(
            "With {audience} members and {control} control nothing can be seen.",
            **_shares(answer),
            audience=count(audience),
        )
    else:
        say(
            "With {audience} members and {control} control you can only see a lift of {smallest} or more from {base}.",
            **_shares(answer),
            audience=count(audience),
            smallest=percent(smallest),
        )
    say(
        "A true lift of {lift} would be noticed with a chance of {power}.",
        **_shares(answer),
        power=percent(_number(answer["power_at_audience"])),
    )
    if (_number(answer["power_at_audience"]) or 0.0) < POWER:
        _advise(answer)


def _advise(answer: Mapping[str, object]) -> None:
    others = answer["mde_rel_at_control"]
    if isinstance(others, Mapping):
        for share, smallest in others.items():
            if smallest is not None:
                say(
                    "  With {control} control: {smallest} or more.",
                    control=percent(float(share)),
                    smallest=percent(smallest),
                )
    say("Hold back more, pool several sends, or call the effect unmeasured.")


def _shares(answer: Mapping[str, object]) -> dict[str, object]:
    return {name: percent(_number(answer[name])) for name in ("lift", "base", "control")}


def _number(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) else None
