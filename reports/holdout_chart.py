"""One chart that says whether predictions came true: what was expected beside what was seen."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.font_manager import fontManager

from reports.charts import BAD, CHINESE_FONTS, CONTROL_INK, MUTED, STYLE, TREATED_INK


def draw_holdout(
    file: Path,
    words: Mapping[str, str],
    *,
    cut_week: float,
    weeks: Sequence[int],
    seen: Sequence[int],
    expected: Sequence[float],
    groups: Sequence[tuple[int, float, float]],
) -> None:
    """Draw repeat orders so far week by week, and orders after the cut by repeat orders before it.

    ``words`` are the labels by their English; where no font here holds Chinese they are drawn in English.
    ``groups`` are (repeat orders before, seen, expected).
    """
    fonts = [name for name in CHINESE_FONTS if name in {font.name for font in fontManager.ttflist}]
    if not fonts and not all(word.isascii() for word in words.values()):
        words = {name: name for name in words}
    with mpl.rc_context({**STYLE, "font.size": 10, "axes.titlesize": 12, "font.sans-serif": [*fonts, "DejaVu Sans"], "axes.grid.axis": "y"}):
        figure = Figure(figsize=(10, 4), layout="constrained")
        left, right = figure.subplots(1, 2)
        _by_week(left, words, cut_week, weeks, seen, expected)
        _by_repeats(right, words, groups)
        figure.savefig(file, dpi=110, facecolor="white", metadata={"Date": None} if file.suffix.lower() == ".svg" else {"Software": None})


def _by_week(
    axes: Axes, words: Mapping[str, str], cut_week: float, weeks: Sequence[int], seen: Sequence[int], expected: Sequence[float]
) -> None:
    axes.plot(weeks, seen, color=CONTROL_INK, linewidth=2.5, label=words["seen"])
    axes.plot(weeks, expected, color=TREATED_INK, linewidth=2, linestyle="--", label=words["expected"])
    axes.axvline(cut_week, color=BAD, linewidth=1)
    axes.annotate(words["learnt until here"], (cut_week, 0), xytext=(4, 4), textcoords="offset points", color=MUTED, fontsize=9)
    axes.set(title=words["All members together"], xlabel=words["week"], ylabel=words["repeat orders so far"])
    axes.legend(frameon=False)


def _by_repeats(axes: Axes, words: Mapping[str, str], groups: Sequence[tuple[int, float, float]]) -> None:
    names = [f"{repeats}+" if repeats == groups[-1][0] and repeats else str(repeats) for repeats, _, _ in groups]
    axes.plot(names, [seen for _, seen, _ in groups], color=CONTROL_INK, linewidth=2.5, marker="o", label=words["seen"])
    axes.plot(
        names, [expected for _, _, expected in groups], color=TREATED_INK, linewidth=2, linestyle="--", marker="o", label=words["expected"]
    )
    axes.set(title=words["By repeat orders before"], xlabel=words["repeat orders before"], ylabel=words["orders after, on average"])
    axes.legend(frameon=False)
