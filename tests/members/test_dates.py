"""Days, moments and lengths of time are read as people and exports write them."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from pydantic import BaseModel, ValidationError

from language.problems import InputRefused
from members.dates import BirthdayRead, read_birthday, read_lunar_birthday, read_moment
from members.durations import Duration, duration_text, parse_duration

SHANGHAI = ZoneInfo("Asia/Shanghai")


@pytest.mark.parametrize(
    "text",
    ["2026-08-01", "2026/8/1", "2026.08.01", "20260801", "2026年8月1日", " 2026-08-01 00:00:00 ", "2026-07-31T16:00Z"],
)
def test_a_day_is_its_midnight_in_the_zone_however_it_is_written(text: str) -> None:
    assert read_moment(text, SHANGHAI) == datetime(2026, 7, 31, 16, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-08-01T10:20:30.125+08:00", datetime(2026, 8, 1, 2, 20, 30, 125000, tzinfo=UTC)),
        ("2026-08-01T10:20:30.123456789Z", datetime(2026, 8, 1, 10, 20, 30, 123456, tzinfo=UTC)),
        ("2026-08-01T10:20:30.000249Z", datetime(2026, 8, 1, 10, 20, 30, 249, tzinfo=UTC)),
        ("2026-08-01T10:20:30,5Z", datetime(2026, 8, 1, 10, 20, 30, 500_000, tzinfo=UTC)),
        ("2026/8/1 9:05", datetime(2026, 8, 1, 1, 5, tzinfo=UTC)),
        ("20260801 10:00:00", datetime(2026, 8, 1, 2, tzinfo=UTC)),
    ],
)
def test_moments_keep_their_offset_or_take_the_zone(text: str, moment: datetime) -> None:
    assert read_moment(text, SHANGHAI) == moment


@pytest.mark.parametrize(
    "text",
    [
        "",
        "2026",
        "2026-13-01",
        "2026-02-30",
        "01/08/2026",
        "26-08-01",
        "2026-08-01 25:00",
        "0000-01-01",
        "now",
        "2026-08-01T10:00+99:99",
    ],
)
def test_what_is_no_moment_is_none(text: str) -> None:
    assert read_moment(text, SHANGHAI) is None


@pytest.mark.parametrize(
    ("text", "birthday"),
    [
        ("1990-02-28", BirthdayRead(1990, 2, 28)),
        ("19900228", BirthdayRead(1990, 2, 28)),
        ("1990-02-28 00:00:00", BirthdayRead(1990, 2, 28)),
        ("02-28", BirthdayRead(None, 2, 28)),
        ("2月28日", BirthdayRead(None, 2, 28)),
        ("soon", None),
    ],
)
def test_solar_birthdays(text: str, birthday: BirthdayRead | None) -> None:
    assert read_birthday(text) == birthday


@pytest.mark.parametrize(
    ("text", "birthday"),
    [
        ("08-15", BirthdayRead(None, 8, 15)),
        ("1990-08-15", BirthdayRead(1990, 8, 15)),
        ("八月十五", BirthdayRead(None, 8, 15)),
        ("农历八月十五", BirthdayRead(None, 8, 15)),
        ("正月初一", BirthdayRead(None, 1, 1)),
        ("腊月三十", BirthdayRead(None, 12, 30)),
        ("冬月廿九", BirthdayRead(None, 11, 29)),
        ("十二月二十", BirthdayRead(None, 12, 20)),
        ("十月初十", BirthdayRead(None, 10, 10)),
        ("闰六月初一", BirthdayRead(None, 6, 1, leap_month=True)),
        ("1987年闰6月1日", BirthdayRead(1987, 6, 1, leap_month=True)),
        ("闰6-1", BirthdayRead(None, 6, 1, leap_month=True)),
        ("八月四十", None),
        ("某月某日", None),
        ("", None),
    ],
)
def test_lunar_birthdays_in_figures_and_in_words(text: str, birthday: BirthdayRead | None) -> None:
    assert read_lunar_birthday(text) == birthday


@pytest.mark.parametrize(
    ("text", "length"),
    [
        ("90d", timedelta(days=90)),
        ("2h", timedelta(hours=2)),
        ("30m", timedelta(minutes=30)),
        ("1w", timedelta(days=7)),
        ("45s", timedelta(seconds=45)),
        (" 0d ", timedelta()),
    ],
)
def test_lengths_of_time(text: str, length: timedelta) -> None:
    assert parse_duration(text) == length
    assert parse_duration(duration_text(length)) == length


@pytest.mark.parametrize("text", ["", "90", "d", "-1d", "1.5h", "1 month", "９0d", "99999999999d", "40000d"])
def test_what_is_no_length_of_time_is_refused(text: str) -> None:
    with pytest.raises(InputRefused):
        parse_duration(text)


def test_a_duration_field_reads_and_writes_the_same_words() -> None:
    class Holder(BaseModel):
        wait: Duration

    assert Holder.model_validate({"wait": "36h"}).wait == timedelta(hours=36)
    assert Holder(wait=timedelta(days=3)).model_dump(mode="json") == {"wait": "3d"}
    for wrong in ("soon", 5, None, timedelta(days=-1)):
        with pytest.raises(ValidationError):
            Holder.model_validate({"wait": wrong})
