"""What stands above a report, on a screen and on a page."""

from zoneinfo import ZoneInfo

from reports.report import Report
from reports.wording import said


def heading(report: Report, language: str) -> str:
    """Return the title in the reader's language, or what is reported on where it has none."""
    own = report.title.get("zh" if language.startswith("zh") else "en") or next(filter(None, report.title.values()), "")
    return own or _named(report, language)


def _named(report: Report, language: str) -> str:
    return said("Campaign {name}" if report.kind == "campaign" else "Journey {name}", language, name=report.name)


def subtitle(report: Report, language: str) -> str:
    """Return what is reported on and as of when, in the report's zone."""
    moment = report.made_at.astimezone(ZoneInfo(report.zone))
    return f"{_named(report, language)} · {said('As of {moment}', language, moment=f'{moment:%Y-%m-%d %H:%M}')} {report.zone}"
