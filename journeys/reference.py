"""The reference of journey files, written from the models that read them.

``python -m journeys.reference`` prints docs/journeys.md.
"""

import inspect
import re
import sys
from pathlib import Path

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from campaigns.campaign import Control, Goal, Title
from journeys import journey as models
from journeys.occasions import MADE_UP_FOR
from journeys.triggers import LATEST_ARRIVAL
from members.durations import duration_text

DEFINITIONS = Path(__file__).parent / "definitions"

#: Each part of a file, under the heading it stands below.
SECTIONS: tuple[tuple[str, tuple[type[BaseModel], ...]], ...] = (
    ("The file", (models.Journey, models.Reentry, models.ExitRule, Control, Goal, Title)),
    (
        "Triggers",
        (
            models.Trigger,
            models.EventTrigger,
            models.InactiveTrigger,
            models.BirthdayTrigger,
            models.AnniversaryTrigger,
            models.ScheduleTrigger,
        ),
    ),
    (
        "Steps",
        (
            models.Step,
            models.SendStep,
            models.WaitStep,
            models.Until,
            models.BranchArm,
            models.SplitArm,
            models.ExitStep,
        ),
    ),
)

INTRODUCTION = """# Journey files

<!-- Written by `python -m journeys.reference > docs/journeys.md` from journeys/journey.py; change it there. -->

A journey says *when* something is said; a campaign says *what*. A journey is one YAML file. `tidings journeys check FILE`
names everything wrong with it by line and step, `apply DIR` publishes a folder or nothing, `replay FILE` lives
through past days with it. A length of time is written `90d`, `2h`, `30m`, `1w`; a day is 24 hours. A time of day is
written `"10:00"`, in quotes.

```yaml
{example}```
"""

RULES = """
## What happens when

- **Entry.** Nobody is in the same journey twice at once. `reentry: never` lets a member in once in a lifetime, `always` at every
  cause, `{{after: 180d}}` not before so long after the last entry. Left out, it is `never` for events and silences and
  `always` for birthdays, anniversaries and schedules.
- **Events.** An event lets its member in if it happened after the journey was published and arrived within
  {latest} of happening. Of several in one batch the earliest counts. Entry is counted from the moment of the event.
- **Silence.** A daily check at `at`, on the member's clock, lets in everybody whose last event is at least `for` ago, and
  who has not entered since that event. Who never had the event never enters. Entry is counted from the check.
- **Missed times.** If nothing ran at the hour, silences and schedules are made up for up to {inactive} later, birthdays and
  anniversaries up to {birthday}; older ones are let go.
- **Exit.** An event of `exit` that happens after the entry ends the journey at once and cancels messages that have not
  left, also for a member who has already walked to the end.
- **Control.** The held-back share is drawn once for each member and version, at the first entry. Held-back members walk the same
  steps; their messages are `withheld`.
- **Clock changes.** A local time that a clock change skips means the first instant after it; one that comes twice, its first.
- **Versions.** A published version never changes. Publishing a changed file begins the next version; who is inside stays on
  the one they entered, which is `draining`.
- **Pause.** Nobody enters, timers are held; what would have let members in meanwhile is not made up for. Steps that fell due are
  taken on resuming. **Stop** ends everybody and cancels what has not left.

A step is named by its path: `2` is the third step, `2.1.0` the first step of its second way.
"""

REMARK = re.compile(r"^    (\w+):.*#: (.+)$", re.MULTILINE)


def reference() -> str:
    """Return the whole page."""
    example = (DEFINITIONS / "win-back-90.yaml").read_text(encoding="utf-8")
    page = INTRODUCTION.format(example=example)
    for heading, parts in SECTIONS:
        page += f"\n## {heading}\n" + "".join(map(_part, parts))
    return page + RULES.format(
        latest=duration_text(LATEST_ARRIVAL),
        inactive=duration_text(MADE_UP_FOR["inactive"]),
        birthday=duration_text(MADE_UP_FOR["birthday"]),
    )


def _part(model: type[BaseModel]) -> str:
    source = inspect.getsource(model)
    remarks = dict(REMARK.findall(source))
    lines = [f"\n### {model.__name__}\n", f"{(inspect.getdoc(model) or '').splitlines()[0]}\n"]
    lines += ["| name | value | default | |", "|---|---|---|---|"]
    lines += [_row(name, field, remarks.get(name, "")) for name, field in model.model_fields.items()]
    return "\n".join(lines) + "\n"


def _row(name: str, field: FieldInfo, remark: str) -> str:
    written = field.alias or name
    default = field.default
    shown = "required" if default is PydanticUndefined else "" if default in (None, ()) else _plain(default)
    return f"| `{written}` | {_kind(field)} | {shown} | {remark.replace('|', '/')} |"


def _plain(default: object) -> str:
    if isinstance(default, BaseModel):
        return "none"
    return f"`{default:%H:%M}`" if hasattr(default, "hour") else f"`{default}`"


def _kind(field: FieldInfo) -> str:
    text = str(field.annotation)
    listed = re.findall(r"Literal\[([^\]]*)\]", text)
    names = [word.strip(" '") for group in listed for word in group.split(",")]
    parts = re.findall(r"\.(\w+)(?=[\s,\]|'>]|$)", text)
    kinds = {"timedelta": "length of time", "time": "time of day", "datetime": "local time", "Decimal": "share, 0 to 1"}
    told = [kinds.get(part, f"[{part}](#{part.lower()})" if part in _sections() else "") for part in parts]
    plain = {
        "dict[": "mapping",
        "Comparison'>": "comparison",
        "Comparison |": "comparison",
        "<class 'str'>": "text",
        "<class 'int'>": "number",
        "<class 'bool'>": "true or false",
    }
    told += [word for mark, word in plain.items() if mark in text] + [f"`{name}`" for name in names]
    if text.startswith("str"):
        told.append("text")
    several = "list of " if "tuple[" in text else ""
    return several + (" or ".join(dict.fromkeys(word for word in told if word)) or "text")


def _sections() -> set[str]:
    return {part.__name__ for _, parts in SECTIONS for part in parts}


if __name__ == "__main__":
    sys.stdout.write(reference())
