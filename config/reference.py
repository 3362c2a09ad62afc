"""The configuration reference, written from the settings' own model.

``python -m config.reference`` puts it between the marks in ``docs/configuration.md``.
"""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from channels.registry import PROVIDERS
from config.settings import ProviderChoice, Settings
from members.durations import duration_text

PAGE = Path(__file__).resolve().parents[1] / "docs" / "configuration.md"
BEGIN, END = "<!-- settings: begin -->", "<!-- settings: end -->"


def setting_names() -> list[str]:
    """Return every setting's name, dotted where it lies inside another."""
    return [name for name, _ in _settings(Settings, "")]


def configuration_reference() -> str:
    """Return the tables of all settings and of every provider's own settings."""
    lines = ["| setting | default | meaning |", "|---|---|---|"]
    lines += [f"| `{name}` | {_default(field)} | {field.description or ''} |" for name, field in _settings(Settings, "")]
    lines += ["", "### Each account under `[providers.CHANNEL]` or `[[providers.CHANNEL]]`", "", "| setting | default | meaning |", "|---|---|---|"]
    lines += [f"| `{name}` | {_default(field)} | {field.description} |" for name, field in _settings(ProviderChoice, "")]
    for name, entry in sorted(PROVIDERS.items()):
        channel = name.partition(".")[0]
        lines += ["", f"### `[providers.{channel}]` with `provider = \"{name}\"`", "", "| setting | default |", "|---|---|"]
        lines += [f"| `{field_name}` | {_default(field)} |" for field_name, field in entry.settings.model_fields.items()]
    return "\n".join(lines)


def _settings(model: type[BaseModel], prefix: str) -> Iterator[tuple[str, FieldInfo]]:
    for name, field in model.model_fields.items():
        inner = field.annotation
        if isinstance(inner, type) and issubclass(inner, BaseModel):
            yield from _settings(inner, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", field


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "**needed**"
    value = field.get_default(call_default_factory=True)
    if value is None or value in ("", (), {}):
        return "—"
    return f"`{_words(value)}`"


def _words(value: object) -> str:
    if isinstance(value, timedelta):
        return duration_text(value)
    if isinstance(value, BaseModel):
        return "{" + ", ".join(f"{name} = {_words(each)}" for name, each in value) + "}"
    if isinstance(value, tuple | list):
        return "[" + ", ".join(map(_words, value)) + "]"
    return str(value)


def write_page() -> None:
    """Put the reference between the marks of the page."""
    before, _, rest = PAGE.read_text(encoding="utf-8").partition(BEGIN)
    after = rest.partition(END)[2]
    PAGE.write_text(f"{before}{BEGIN}\n{configuration_reference()}\n{END}{after}", encoding="utf-8")


if __name__ == "__main__":
    write_page()
