"""The made-up members are the same every time, and live believable lives."""

from collections import Counter
from datetime import timedelta
from pathlib import Path

from console.demo.files import EVENTS_MAP, read_deeds, split, write_events
from console.demo.habits import JOINED, ORDER, busyness, draw_deeds
from console.demo.population import HISTORY, SHANGHAI, STORY_ENDS, Resident, draw_population, draw_resident, midnight
from console.demo.reactions import PULLS, Reactions
from console.demo.story import person_of
from members.addresses import NORMALISERS
from members.person import person_problem

COUNT = 1500
PEOPLE: list[Resident] = list(draw_population(COUNT, seed=7))
DEEDS = [deed for each in PEOPLE for deed in draw_deeds(each, seed=7)]
ORDERS = [deed for deed in DEEDS if deed.kind == ORDER]


def share(count: int, of: int) -> float:
    return count / of


def test_the_same_seed_makes_the_same_people_and_another_seed_makes_others() -> None:
    assert list(draw_population(50, seed=7)) == PEOPLE[:50]
    assert list(draw_population(50, seed=8)) != PEOPLE[:50]
    assert [deed for each in PEOPLE[:50] for deed in draw_deeds(each, seed=7)] == DEEDS[: sum(d.member <= "M000050" for d in DEEDS)]


def test_a_member_is_the_same_however_many_others_there_are() -> None:
    assert draw_resident(1234, seed=7) == PEOPLE[1233]


def test_everybody_can_be_saved_and_about_three_addresses_in_a_hundred_lead_nowhere() -> None:
    assert [person_problem(person_of(each)) for each in PEOPLE] == [None] * COUNT
    found = [NORMALISERS[channel](address) for each in PEOPLE for channel, address in each.addresses.items()]
    assert 0.02 < share(sum(each.problem is not None for each in found), len(found)) < 0.04


def test_no_two_members_share_an_address() -> None:
    addresses = Counter(address for each in PEOPLE for address in each.addresses.values())
    assert max(addresses.values()) == 1


def test_names_come_in_two_languages_and_birthdays_in_two_calendars() -> None:
    assert 0.10 < share(sum(each.name.language == "en" for each in PEOPLE), COUNT) < 0.20
    born = [each.birthday for each in PEOPLE if each.birthday]
    assert 0.65 < share(len(born), COUNT) < 0.80
    assert 0.08 < share(sum(each.calendar == "lunar" for each in born), len(born)) < 0.17


def test_a_full_sized_story_has_people_born_on_the_29th_of_february() -> None:
    later = (draw_resident(number, seed=7).birthday for number in range(1, 8000))
    assert sum(each is not None and (each.calendar, each.month, each.day) == ("solar", 2, 29) for each in later) >= 2


def test_members_join_over_eighteen_months_and_more_of_them_later() -> None:
    joined = sorted(each.joined_at for each in PEOPLE)
    assert joined[-1] - joined[0] > HISTORY * 0.95
    assert joined[-1] < midnight(STORY_ENDS + timedelta(days=1))
    half = midnight(STORY_ENDS) - HISTORY / 2
    assert 0.5 < share(sum(moment > half for moment in joined), COUNT) < 0.65


def test_some_never_buy_and_a_few_buy_a_great_deal() -> None:
    orders = Counter(deed.member for deed in ORDERS)
    assert 0.35 < 1 - share(len(orders), COUNT) < 0.60
    most = sorted(orders.values(), reverse=True)
    assert share(sum(most[: len(most) // 5]), sum(most)) > 0.4


def test_the_shop_is_busier_at_weekends_and_in_the_sales() -> None:
    days = Counter(deed.at.astimezone(SHANGHAI).weekday() for deed in ORDERS)
    assert days[5] > 1.2 * days[1]
    assert busyness(STORY_ENDS.replace(year=2025, month=11, day=11)) > 1.5 * busyness(STORY_ENDS.replace(year=2025, month=11, day=18))


def test_there_are_people_to_win_back_and_a_few_come_back_by_themselves() -> None:
    begins = midnight(STORY_ENDS - timedelta(days=119))
    last: dict[str, object] = {}
    for deed in ORDERS:
        if deed.at < begins - timedelta(days=90):
            last[deed.member] = deed.at
    back = {deed.member for deed in ORDERS if begins - timedelta(days=90) <= deed.at < begins}
    quiet = last.keys() - back
    again = {deed.member for deed in ORDERS if begins <= deed.at < begins + timedelta(days=14)} & quiet
    assert len(quiet) > COUNT * 0.08
    assert 0 < share(len(again), len(quiet)) < 0.12


def test_every_member_joins_once_before_anything_else() -> None:
    first = {each.key: next(deed for deed in DEEDS if deed.member == each.key) for each in PEOPLE[:200]}
    assert {deed.kind for deed in first.values()} == {JOINED}
    assert Counter(deed.kind for deed in DEEDS)[JOINED] == COUNT


def test_events_written_to_a_file_are_read_again_the_same(tmp_path: Path) -> None:
    before, after = split(DEEDS[:400], midnight(STORY_ENDS - timedelta(days=119)))
    write_events(tmp_path / "events.csv", [*before, *after])

    read = read_deeds(tmp_path / "events.csv", EVENTS_MAP, SHANGHAI)

    assert {(deed.key, deed.member, deed.kind, deed.at, deed.value) for deed in read} == {
        (deed.key, deed.member, deed.kind, deed.at, deed.value) for deed in DEEDS[:400]
    }


def test_a_reaction_depends_on_the_member_and_the_day_but_not_on_the_send_or_its_hour() -> None:
    decided = midnight(STORY_ENDS)
    drawn = [
        {(deed.kind, deed.value) for deed in Reactions(7).draw(send, "M000007", "welcome", decided, decided + timedelta(hours=send))}
        for send in (1, 2, 3)
    ]
    assert drawn[0] == drawn[1] == drawn[2]


def test_the_share_that_buys_because_of_a_message_is_the_one_set() -> None:
    decided = midnight(STORY_ENDS)
    bought = sum(
        deed.kind == ORDER
        for number in range(8000)
        for deed in Reactions(7).draw(number, f"M{number:06d}", "welcome", decided, decided)
    )
    assert abs(share(bought, 8000) - PULLS["welcome"].buys) < 0.01
