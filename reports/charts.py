"""Four charts of a report: inline SVG that follows the page's colours, or PNG files."""

import io
import re
import unicodedata
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.dates import AutoDateLocator, ConciseDateFormatter
from matplotlib.figure import Figure
from matplotlib.font_manager import fontManager
from matplotlib.ticker import FuncFormatter, MaxNLocator

from reports.report import CONTROL, TREATED, Report
from reports.wording import count, percent, points, said

#: Each colour of a chart and the name under which the page's style sheet may replace it.
INK, MUTED, LINE = "#1c2430", "#697386", "#dfe3ea"
TREATED_INK, CONTROL_INK, BAD = "#2f6fde", "#9aa4b5", "#d9822b"
VARIABLES: Mapping[str, str] = {
    INK: "--ink", MUTED: "--muted", LINE: "--line", TREATED_INK: "--treated", CONTROL_INK: "--control", BAD: "--bad",
}  # fmt: skip

#: Fonts that hold Chinese, as systems name them.
CHINESE_FONTS = (
    "Noto Sans CJK SC", "Noto Sans SC", "Source Han Sans SC", "Source Han Sans CN", "WenQuanYi Zen Hei",
    "WenQuanYi Micro Hei", "PingFang SC", "Hiragino Sans GB", "Microsoft YaHei", "SimHei", "Droid Sans Fallback",
)  # fmt: skip

WIDTH = 7.2  #: inches
STYLE: dict[Any, Any] = {
    "svg.fonttype": "none", "svg.hashsalt": "tidings", "font.family": "sans-serif", "font.size": 12,
    "text.color": INK, "axes.edgecolor": LINE, "axes.labelcolor": MUTED, "xtick.color": MUTED, "ytick.color": INK,
    "axes.spines.top": False, "axes.spines.right": False, "axes.spines.left": False, "axes.grid": True,
    "axes.grid.axis": "x", "grid.color": LINE, "axes.axisbelow": True, "ytick.left": False, "axes.titlelocation": "left",
    "axes.titlesize": 14, "axes.titleweight": "bold", "axes.titlepad": 12,
}  # fmt: skip


def svg_charts(report: Report, language: str) -> dict[str, str]:
    """Draw every chart that has something to show as an ``<svg>`` element, by name."""
    found = {}
    for name, draw in CHARTS.items():
        with (
            mpl.rc_context({**STYLE, "svg.hashsalt": f"{report.kind}-{report.name}-{name}"}),
            warnings.catch_warnings(),
        ):
            # The reader's browser has the glyphs; the machine that draws need not.
            warnings.filterwarnings("ignore", message="Glyph .* missing from font")
            figure = draw(report, language)
            if figure is not None:
                found[name] = _svg(figure, name)
    return found


def write_pngs(report: Report, folder: Path, language: str) -> list[Path]:
    """Draw every chart into ``folder`` as KIND-NAME-CHART.png; in English where no font here holds Chinese."""
    fonts = [name for name in CHINESE_FONTS if name in {font.name for font in fontManager.ttflist}]
    words = language if fonts or not language.startswith("zh") else "en"
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for name, draw in CHARTS.items():
        with mpl.rc_context({**STYLE, "font.sans-serif": [*fonts, "DejaVu Sans"]}):
            figure = draw(report, words)
            if figure is not None:
                file = folder / f"{report.kind}-{report.name}-{name}.png"
                figure.savefig(file, dpi=160, facecolor="white", metadata={"Software": None})
                written.append(file)
    return written


def _svg(figure: Figure, name: str) -> str:
    held = io.StringIO()
    figure.savefig(held, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    drawn = held.getvalue()
    drawn = drawn[drawn.index("<svg") :]
    drawn = re.sub(r"<metadata>.*?</metadata>", "", drawn, flags=re.DOTALL)
    drawn = re.sub(r'(<svg[^>]*?) width="[^"]*"', r"\1", drawn, count=1)
    drawn = re.sub(r'(<svg[^>]*?) height="[^"]*"', r'\1 role="img"', drawn, count=1)
    # The page's own fonts apply, and several charts on one page keep their ids apart.
    drawn = re.sub(r"font-family: [^;\"]*; ?", "", drawn)
    drawn = re.sub(r'( id="|href="#|url\(#)', rf"\g<1>{name}-", drawn)
    for colour, variable in VARIABLES.items():
        drawn = drawn.replace(colour, f"var({variable}, {colour})")
    return drawn


def _blank(rows: float, labels: list[str], title: str) -> tuple[Figure, Axes]:
    """Make a figure whose left margin fits its labels, whatever script they are in."""
    height = 1.1 + 0.48 * rows
    figure = Figure(figsize=(WIDTH, height))
    widest = max((_width(label) for label in labels), default=4)
    left = min(0.42, (0.3 + 0.1 * widest) / WIDTH)
    axes = figure.add_axes((left, 0.5 / height, 0.95 - left, 1 - 1.0 / height))
    axes.set_title(title, x=-left / (0.95 - left) + 0.005)
    return figure, axes


def _width(label: str) -> int:
    return sum(2 if unicodedata.east_asian_width(letter) in "WF" else 1 for letter in label)


def _funnel(report: Report, language: str) -> Figure | None:
    closing = report.closing
    if not closing.planned:
        return None
    carried = closing.accepted + closing.delivered
    treated = next((each for each in report.arms if each.arm == TREATED), None)
    lines = [
        ("Planned", closing.planned, CONTROL_INK),
        ("Refused", closing.refused.total(), BAD),
        ("Withheld (control)", closing.withheld, CONTROL_INK),
        ("Accepted", carried, TREATED_INK),
        ("Delivered", closing.delivered, TREATED_INK),
    ]
    if treated is not None and report.effect.goal is not None:
        lines.append(("Responded", treated.counts.responded, TREATED_INK))
    labels = [said(name, language) for name, _, _ in lines]
    figure, axes = _blank(len(lines), labels, said("From planned to responded", language))
    numbers = [number for _, number, _ in lines]
    bars = axes.barh(range(len(lines)), numbers, color=[colour for _, _, colour in lines], height=0.62)
    words = [f"{count(number)}  ·  {percent(number / closing.planned, language)}" for number in numbers]
    axes.bar_label(bars, words, padding=6, color=INK, fontsize=11)
    axes.set_yticks(range(len(lines)), labels)
    axes.invert_yaxis()
    axes.set_xlim(0, closing.planned * (1.3 + 0.03 * len(words[0]) / 2))
    axes.xaxis.set_visible(False)
    axes.spines.bottom.set_visible(False)
    axes.grid(visible=False)
    axes.set_position((axes.get_position().x0, 0.03, axes.get_position().width, 0.97 - 0.5 / figure.get_figheight()))
    return figure


def _rates(report: Report, language: str) -> Figure | None:
    arms = [each for each in report.arms if each.rate is not None]
    if not arms or report.effect.goal is None:
        return None
    labels = [said({TREATED: "Treated", CONTROL: "Control"}[each.arm], language) for each in arms]
    figure, axes = _blank(len(arms) + 0.6, labels, said("Response rate by arm", language))
    highest = 0.0
    for place, each in enumerate(arms):
        lo, hi, rate = each.rate_interval.lo or 0.0, each.rate_interval.hi or 0.0, each.rate or 0.0
        colour = TREATED_INK if each.arm == TREATED else CONTROL_INK
        axes.plot([lo, hi], [place, place], color=colour, linewidth=7, alpha=0.35, solid_capstyle="round")
        axes.plot([rate], [place], "o", color=colour, markersize=9)
        axes.annotate(
            f"{percent(rate, language)}  ({count(each.counts.responded)} / {count(each.counts.assigned)})",
            (rate, place), xytext=(0, 12), textcoords="offset points", ha="center", fontsize=11, color=INK,
        )  # fmt: skip
        highest = max(highest, hi)
    _rows_upright(axes, labels)
    axes.set_xlim(0, highest * 1.15 or 1)
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: percent(value) if value else "0"))
    axes.xaxis.set_major_locator(MaxNLocator(6))
    return figure


def _forest(report: Report, language: str) -> Figure | None:
    effect = report.effect
    if effect.lift is None or effect.lift.diff is None:
        return None
    lines = [("95 % interval", effect.lift.diff_interval)]
    if effect.look is not None:
        lines.append(("Valid at every look", effect.look.interval))
    labels = [said(name, language) for name, _ in lines]
    figure, axes = _blank(len(lines) + 0.8, labels, said("What the messages caused, in percentage points", language))
    for place, (_, interval) in enumerate(lines):
        lo, hi = interval.lo or 0.0, interval.hi or 0.0
        colour = BAD if hi < 0 else TREATED_INK if lo > 0 else CONTROL_INK
        axes.plot([lo, hi], [place, place], color=colour, linewidth=2.5)
        axes.plot([lo, hi], [place, place], "|", color=colour, markersize=11, markeredgewidth=2)
        axes.plot([effect.lift.diff], [place], "D", color=colour, markersize=7)
        axes.annotate(
            f"{lo * 100:+.3f} … {points(hi, language)}", ((lo + hi) / 2, place), xytext=(0, 12),
            textcoords="offset points", ha="center", fontsize=11, color=INK,
        )  # fmt: skip
    axes.axvline(0, color=MUTED, linewidth=1.2)
    axes.margins(x=0.18)
    _rows_upright(axes, labels)
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value * 100:+.3g}" if value else "0"))
    axes.xaxis.set_major_locator(MaxNLocator(7))
    return figure


def _rows_upright(axes: Axes, labels: list[str]) -> None:
    """Put a label at each row, the first on top, with room for the words above the marks."""
    axes.set_yticks(range(len(labels)), labels)
    axes.set_ylim(len(labels) - 0.55, -0.75)


def _days(report: Report, language: str) -> Figure | None:
    if len(report.days) < 2:
        return None
    days: Any = [line.day for line in report.days]
    layers = [
        ("Handed over", TREATED_INK, [line.closing.accepted + line.closing.delivered for line in report.days]),
        ("Withheld (control)", CONTROL_INK, [line.closing.withheld for line in report.days]),
        ("Refused", BAD, [line.closing.refused.total() for line in report.days]),
    ]
    figure, axes = _blank(5, ["0,000"], said("Members per day", language))
    below = [0] * len(days)
    for name, colour, heights in layers:
        axes.bar(days, heights, bottom=below, color=colour, width=0.86, label=said(name, language), linewidth=0)
        below = [low + height for low, height in zip(below, heights, strict=True)]
    if report.entries is not None:
        entered = [line.entries for line in report.days]
        axes.step(days, entered, where="mid", color=INK, linewidth=1.1, label=said("Entered", language))
    axes.grid(axis="y")
    axes.grid(visible=False, axis="x")
    axes.tick_params(axis="y", colors=MUTED)
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
    axes.yaxis.set_major_locator(MaxNLocator(5, integer=True))
    locator = AutoDateLocator(minticks=3, maxticks=8)  # type: ignore[no-untyped-call]
    axes.xaxis.set_major_locator(locator)
    formats = ["%Y", "%Y-%m", "%m-%d", "", "", ""]
    axes.xaxis.set_major_formatter(ConciseDateFormatter(locator, formats=formats, show_offset=False))  # type: ignore[no-untyped-call]
    axes.set_position((0.11, 0.26, 0.84, 0.56))
    axes.legend(loc="upper center", bbox_to_anchor=(0.47, -0.15), ncols=4, frameon=False, fontsize=11, handlelength=1.0)
    return figure


#: Every chart by the name its file carries.
CHARTS: Mapping[str, Callable[[Report, str], Figure | None]] = {
    "funnel": _funnel,
    "rates": _rates,
    "lift": _forest,
    "days": _days,
}
