"""Cells of a workbook written as the words a person sees: digits for whole numbers, ISO form for days."""

from datetime import date, datetime, time, timedelta

from openpyxl.cell.read_only import EmptyCell, ReadOnlyCell
from openpyxl.utils.datetime import from_excel

#: Styles by number that every East Asian spreadsheet shows as days, and openpyxl as plain numbers.
EAST_ASIAN_DAYS = frozenset([*range(27, 37), *range(50, 59)])
LONGEST_CELL = 32_767  #: characters, as in any spreadsheet
DIGITS_KEPT = 15  #: by a spreadsheet, of any number
LAST_YEAR = 9999
HALF_A_SECOND = timedelta(milliseconds=500)


def words_of_cell(cell: ReadOnlyCell | EmptyCell, epoch: datetime) -> str:
    """Write a cell the way a person would: 13800001234, not 1.38e10; 2026-08-01, not 46235; nothing for an error.

    ``epoch`` is the day from which the workbook counts.
    """
    value = cell.value
    if value is None or cell.data_type == "e":
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return _number(value, epoch if _is_east_asian_day(cell) else None)
    if isinstance(value, date | time):
        return _moment(value)
    return _hours(value) if isinstance(value, timedelta) else str(value)[:LONGEST_CELL]


def lost_digits(cell: ReadOnlyCell | EmptyCell) -> bool:
    """Say whether a cell holds a whole number longer than a spreadsheet can keep."""
    value = cell.value
    return isinstance(value, int | float) and abs(value) >= 10**DIGITS_KEPT and float(value).is_integer()


def _number(value: float, epoch: datetime | None) -> str:
    if epoch is not None:
        try:
            return _moment(from_excel(value, epoch))
        except (OverflowError, ValueError):
            pass  # Too large for a day: the number itself is what is known.
    return str(int(value)) if isinstance(value, int) or value.is_integer() else f"{value:.15g}"


def _is_east_asian_day(cell: ReadOnlyCell | EmptyCell) -> bool:
    if isinstance(cell, EmptyCell) or not cell.has_style:
        return False
    try:
        return cell.style_array.numFmtId in EAST_ASIAN_DAYS
    except IndexError:  # a style that the workbook does not have
        return False


def _moment(value: date | time) -> str:
    if isinstance(value, time):
        return value.isoformat(timespec="seconds")
    if not isinstance(value, datetime):
        return value.isoformat()
    near = value + HALF_A_SECOND if value.year < LAST_YEAR else value
    whole = not (near.hour or near.minute or near.second)
    return near.date().isoformat() if whole else near.isoformat(sep=" ", timespec="seconds")


def _hours(value: timedelta) -> str:
    minutes, seconds = divmod(round(value.total_seconds()), 60)
    return f"{minutes // 60:02}:{minutes % 60:02}:{seconds:02}"
