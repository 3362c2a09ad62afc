"""Clusters are found again, keep their ids when the borders are drawn anew, and tell who crossed a border that stood still."""

import threading
from collections import Counter
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from pydantic import ValidationError
from sqlalchemy import Connection, insert, select, text, update

from database.engine import Database
from database.loyalty_tables import member_clusters
from database.member_tables import order_facts
from database.tables import events
from language.chinese import CHINESE
from language.problems import InputRefused
from members.definitions import read_definitions, save_definitions
from members.insight.cluster_keeping import cluster_members, name_cluster
from members.insight.cluster_words import WORDS
from members.insight.clustering import group, learn_scaling, nearest, recognised
from members.insight.clusters import FACTS, Clusters
from members.insight.nightly import NIGHTLY
from members.insight.nights import load_fit
from members.upkeep import keep_up
from tests.campaigns.test_sharing import until_waited_for
from tests.makers import make_members

NOW = datetime(2026, 8, 1, 2, tzinfo=UTC)
ZONE = ZoneInfo("Asia/Shanghai")
EXAMPLES = Path(__file__).resolve().parents[3] / "config" / "examples" / "clusters"
THREE = Clusters.model_validate(
    {"clusters": "x", "facts": [{"fact": "days_since_last_order"}, {"fact": "orders"}, {"fact": "average_order"}], "k": {"from": 2, "to": 6}}
)
#: days since the last order, orders, average order; what the kinds of members were drawn around
KINDS = {"loyal": (10, 40, 60), "rich": (60, 3, 900), "gone": (600, 2, 50)}


def give_facts(connection: Connection, *, each: int = 60, seed: int = 2) -> dict[int, str]:
    """Make members of three plain kinds; return each one's kind."""
    chance = np.random.default_rng(seed)
    ids = make_members(connection, 3 * each, consenting=False)
    kinds = dict(zip(ids, [kind for kind in KINDS for _ in range(each)], strict=True))
    zeros = {f"{what}_{days}d": 0 for what in ("orders", "spent") for days in (7, 30, 90, 365)}
    rows = []
    for member, kind in kinds.items():
        days, orders, amount = (centre * float(chance.lognormal(0, 0.25)) for centre in KINDS[kind])
        last = NOW - timedelta(days=days)
        rows.append(
            {"member_id": member, "orders": max(1, round(orders)), "spent": round(orders * amount, 2), "refunded": 0, "first_order_at": last,
             "last_order_at": last, "average_order": round(amount, 2), "reckoned_at": NOW, **zeros}
        )  # fmt: skip
    connection.execute(insert(order_facts), rows)
    return kinds


def clusters_of(connection: Connection) -> dict[int, str]:
    return {row.member_id: row.cluster for row in connection.execute(select(member_clusters))}


def moves(connection: Connection) -> list[tuple[int, Mapping[str, str]]]:
    found = connection.execute(select(events.c.member_id, events.c.properties).where(events.c.kind == "cluster.moved"))
    return [(row.member_id, row.properties) for row in found]


def test_plain_kinds_are_found_with_their_number_and_put_in_words(database: Database) -> None:
    with database.transaction() as connection:
        kinds = give_facts(connection)
        done = cluster_members(connection, THREE, now=NOW, zone=ZONE)
        found = clusters_of(connection)
        fit = load_fit(connection, "clusters")

    assert (done.members, done.moved, done.changed, done.refitted) == (180, 0, 180, True)
    kind_of = {cluster: Counter(kinds[member] for member in found if found[member] == cluster) for cluster in set(found.values())}
    assert len(kind_of) == 3
    assert all(len(kinds_inside) == 1 for kinds_inside in kind_of.values())
    assert fit is not None
    assert max(fit.parameters["silhouettes"], key=fit.parameters["silhouettes"].get) == "3"
    named = {next(iter(kind_of[each["id"]])): each for each in fit.parameters["clusters"]}
    assert named["loyal"]["called"][0] == "many orders"
    assert named["rich"]["called"][0] == "large orders"
    assert named["gone"]["called"][0] == "long quiet"
    first = named["rich"]["marks"][0]
    own = [KINDS["rich"][2]]
    assert first["fact"] == "average_order"
    assert first["mean"] == pytest.approx(own[0], rel=0.15)
    assert first["mean"] / first["everybody"] == pytest.approx(900 / (1010 / 3), rel=0.15)


def test_ids_and_names_stay_when_the_borders_are_drawn_anew_and_a_refit_tells_nobody(database: Database) -> None:
    with database.transaction() as connection:
        give_facts(connection)
        cluster_members(connection, THREE, now=NOW, zone=ZONE)
        before = clusters_of(connection)
        name_cluster(connection, before[1], "铁粉")
        other_seed = THREE.model_copy(update={"seed": 77})
        done = cluster_members(connection, other_seed, now=NOW + timedelta(days=1), zone=ZONE)

        assert done.refitted
        assert clusters_of(connection) == before
        assert moves(connection) == []
        fit = load_fit(connection, "clusters")
        assert fit is not None
        assert {each["id"]: each["name"] for each in fit.parameters["clusters"]}[before[1]] == "铁粉"
        # Another number of clusters: what resembles an old one keeps its id, what is new gets one never used before.
        two = cluster_members(connection, THREE.model_copy(update={"k": 2}), now=NOW + timedelta(days=2), zone=ZONE)
        assert two.refitted
        five = cluster_members(connection, THREE.model_copy(update={"k": 5}), now=NOW + timedelta(days=3), zone=ZONE)
        assert five.moved == 0
        assert len(set(clusters_of(connection).values())) == 5
        fit = load_fit(connection, "clusters")
        assert fit is not None
        ids = [each["id"] for each in fit.parameters["clusters"]]
        assert len(set(ids)) == 5
        assert fit.parameters["next"] > max(int(name[1:]) for name in ids)


def test_a_name_given_while_the_borders_are_drawn_anew_stays(database: Database) -> None:
    with database.transaction() as connection:
        give_facts(connection)
        cluster_members(connection, THREE, now=NOW, zone=ZONE)

    def draw_anew() -> None:
        with database.transaction() as other:
            cluster_members(other, THREE, now=NOW + timedelta(days=1), zone=ZONE, refit=True)

    with database.transaction() as connection:
        connection.execute(text("LOCK TABLE order_facts IN ACCESS EXCLUSIVE MODE"))
        drawing = threading.Thread(target=draw_anew)
        drawing.start()
        until_waited_for(connection, drawing)  # It has read the names, and waits for the facts.
        name_cluster(connection, "c2", "铁粉")
    drawing.join()
    with database.transaction() as connection:
        fit = load_fit(connection, "clusters")
        assert fit is not None
        assert fit.fitted_at == NOW + timedelta(days=1)
        assert {each["id"]: each["name"] for each in fit.parameters["clusters"]}["c2"] == "铁粉"


def test_who_crosses_a_border_that_stood_still_is_told_once(database: Database) -> None:
    with database.transaction() as connection:
        kinds = give_facts(connection)
        cluster_members(connection, THREE, now=NOW, zone=ZONE)
        before = clusters_of(connection)
        loyal, gone = (next(member for member, kind in kinds.items() if kind == wanted) for wanted in ("loyal", "gone"))
        changed = {"last_order_at": NOW, "orders": 45, "average_order": 55}
        connection.execute(update(order_facts).where(order_facts.c.member_id == gone).values(changed))

        first = cluster_members(connection, THREE, now=NOW + timedelta(days=1), zone=ZONE)
        again = cluster_members(connection, THREE, now=NOW + timedelta(days=2), zone=ZONE)
        assert (first.refitted, first.moved, again.moved) == (False, 1, 0)
        assert moves(connection) == [(gone, {"from": before[gone], "to": before[loyal]})]
        assert cluster_members(connection, THREE, now=NOW + timedelta(days=31), zone=ZONE).refitted


def test_members_without_a_fact_count_as_the_middle_and_those_without_orders_have_no_cluster(database: Database) -> None:
    with database.transaction() as connection:
        kinds = give_facts(connection)
        cluster_members(connection, THREE, now=NOW, zone=ZONE)
        first, second, *_ = kinds
        connection.execute(update(order_facts).where(order_facts.c.member_id == first).values(orders=0))
        connection.execute(update(order_facts).where(order_facts.c.member_id == second).values(average_order=None))
        cluster_members(connection, THREE, now=NOW + timedelta(hours=1), zone=ZONE)

        assert clusters_of(connection).keys() == kinds.keys() - {first}


def test_where_nothing_can_be_learnt_it_is_said_and_clusters_stay(database: Database) -> None:
    with database.transaction() as connection:
        save_definitions(connection, [THREE], now=NOW)
        give_facts(connection)
        cluster_members(connection, THREE, now=NOW, zone=ZONE)
        connection.execute(order_facts.delete())
        with pytest.raises(InputRefused, match="nobody has facts about orders"):
            cluster_members(connection, THREE, now=NOW, zone=ZONE)
        unknown = THREE.model_copy(update={"facts": Clusters.model_validate({"clusters": "y", "facts": [{"fact": "alive"}]}).facts})
        connection.execute(insert(order_facts).values(_facts(1)))
        with pytest.raises(InputRefused, match="the fact alive is known of nobody"):
            cluster_members(connection, unknown, now=NOW, zone=ZONE)

    with database.transaction() as connection:
        connection.execute(order_facts.delete())
    keep_up(database, zone=ZONE, now=NOW + timedelta(days=1), chores=NIGHTLY)

    with database.transaction() as connection:
        fit = load_fit(connection, "clusters")
        assert len(clusters_of(connection)) == 180
        assert fit is not None
        assert fit.parameters["problem"]["sentence"].startswith("nobody has facts")
        with pytest.raises(InputRefused, match="there is no cluster c9"):
            name_cluster(connection, "c9", "x")
        connection.execute(insert(order_facts), [_facts(member) | {"last_order_at": NOW, "average_order": 1} for member in clusters_of(connection)])

    keep_up(database, zone=ZONE, now=NOW + timedelta(days=2), chores=NIGHTLY)
    with database.transaction() as connection:
        fit = load_fit(connection, "clusters")
        assert fit is not None
        assert (fit.fitted_at, fit.parameters.get("problem")) == (NOW, None)


def _facts(member: int) -> dict[str, object]:
    zeros = {f"{what}_{days}d": 0 for what in ("orders", "spent") for days in (7, 30, 90, 365)}
    return {"member_id": member, "orders": 1, "spent": 1, "refunded": 0, "reckoned_at": NOW, **zeros}


def test_too_few_or_too_similar_members_are_refused_in_words() -> None:
    with pytest.raises(InputRefused, match="500 members are too few or too much alike for 3 clusters"):
        group(np.zeros((500, 2)), range(3, 9), seed=1)
    with pytest.raises(InputRefused, match="25 members are too few"):
        group(np.random.default_rng(1).normal(size=(25, 2)), range(3, 9), seed=1)


def test_clusters_are_recognised_by_the_members_they_share() -> None:
    labels = np.array([0] * 10 + [1] * 10 + [2] * 10)
    before = ["b"] * 9 + ["a"] + ["a"] * 10 + [None] * 8 + ["c", "d"]

    assert recognised(labels, 3, before) == {0: "b", 1: "a", 2: "c"}
    assert recognised(labels, 3, [None] * 30) == {}
    # One of ten in common is no resemblance.
    assert recognised(labels, 3, ["b"] + [None] * 9 + ["b"] * 10 + ["b"] * 10).keys() == {1}


def test_scaling_is_the_same_for_those_who_come_later() -> None:
    values = np.array([[1.0, 5.0], [10.0, np.nan], [100.0, 7.0]])
    scaling = learn_scaling(values, [True, False])
    scaled = scaling.apply(values)

    assert np.allclose(scaled.mean(axis=0), 0)
    assert np.allclose(scaled.std(axis=0), 1)
    assert scaling.apply(np.array([[10.0, np.nan]]))[0] == pytest.approx(scaled[1])
    assert nearest(scaled, scaled).tolist() == [0, 1, 2]


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"facts": [{"fact": "order"}]}, "did you mean orders"),
        ({"facts": [{"fact": "shoe size"}]}, "expected one of days_since_last_order"),
        ({"facts": [{"fact": "orders"}, {"fact": "orders"}]}, "the fact orders is there twice"),
        ({"k": 1}, "greater than or equal to 2"),
        ({"k": {"from": 5, "to": 3}}, "to must not be less than from"),
        ({"facts": [{"fact": "orders", "scale": "square"}]}, "'log' or 'linear'"),
    ],
)
def test_a_definition_that_makes_no_sense_is_refused(wrong: dict[str, object], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        Clusters.model_validate({"clusters": "x", **wrong})


def test_every_fact_has_its_words_in_both_languages_and_the_example_can_be_read() -> None:
    assert FACTS.keys() == WORDS.keys()
    assert {word for words in WORDS.values() for word in words} <= CHINESE.keys()
    assert [one.clusters for one in read_definitions(EXAMPLES, Clusters)] == ["kinds"]
