"""``tidings clusters``: kinds of members who resemble each other, and what marks them."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Annotated, Any

import typer
from sqlalchemy import Connection, func, select

from config.foundation import open_foundation
from console.defining import AsJson, File, apply_definition, tell_trouble
from console.output import in_words, print_json, print_table, run_command, say
from database.engine import read_clock
from database.loyalty_tables import member_clusters
from language.problems import refuse
from members.insight.cluster_keeping import cluster_members, name_cluster
from members.insight.cluster_words import MARKED, WORDS, Mark
from members.insight.clusters import Clusters
from members.insight.nights import Fit, load_fit, required_definition

app = typer.Typer(help="Clusters: apply, fit, show, explain, name.", no_args_is_help=True)


@app.command("apply")
@run_command
def apply_file(file: File, as_json: AsJson = False) -> None:
    """Keep by what members are compared, and into how many kinds."""
    apply_definition(file, Clusters, "clusters fit", as_json=as_json)


@app.command()
@run_command
def fit(as_json: AsJson = False) -> None:
    """Draw the borders between clusters anew now and put every member into one."""
    with open_foundation() as ground, ground.database.transaction() as connection:
        definition = required_definition(connection, Clusters)
        done = cluster_members(connection, definition, now=read_clock(connection), zone=ground.zone, refit=True)
        learnt, counts = _learnt(connection)
    if as_json:
        print_json({**asdict(done), "silhouettes": learnt.parameters["silhouettes"], "clusters": _rows(learnt, counts)})
        return
    say("{members} members compared; {changed} are in another cluster, {moved} moves were told.",
        members=done.members, changed=done.changed, moved=done.moved)  # fmt: skip
    tried = [(int(number), round(value, 3)) for number, value in learnt.parameters["silhouettes"].items()]
    print_table("How well so many clusters stand apart", ("clusters", "silhouette"), tried)
    _print_clusters(learnt, counts)


@app.command()
@run_command
def show(as_json: AsJson = False) -> None:
    """Show every cluster, how many members it has and what it is called."""
    with open_foundation() as ground, ground.database.transaction() as connection:
        learnt, counts = _learnt(connection)
    if as_json:
        print_json(_rows(learnt, counts))
        return
    tell_trouble(learnt)
    _print_clusters(learnt, counts)


def _learnt(connection: Connection) -> tuple[Fit, Mapping[str, int]]:
    found = load_fit(connection, Clusters.kind)
    if found is None or "clusters" not in found.parameters:
        tell_trouble(found)
        raise refuse("no clusters are known yet; run: tidings clusters fit")
    counted = select(member_clusters.c.cluster, func.count()).group_by(member_clusters.c.cluster)
    return found, {row[0]: row[1] for row in connection.execute(counted)}


def _rows(learnt: Fit, counts: Mapping[str, int]) -> list[dict[str, Any]]:
    found = [
        {"cluster": each["id"], "title": _title(each), "members": counts.get(each["id"], 0), "marks": each["marks"]}
        for each in learnt.parameters["clusters"]
    ]
    return sorted(found, key=lambda row: -row["members"])


def _title(cluster: Mapping[str, Any]) -> str:
    if cluster["name"]:
        return str(cluster["name"])
    return in_words(", ").join(in_words(word) for word in cluster["called"]) or in_words("like everybody")


def _print_clusters(learnt: Fit, counts: Mapping[str, int]) -> None:
    everybody = sum(counts.values()) or 1
    facts = [measure["fact"] for measure in learnt.parameters["learnt_by"]["facts"]]
    rows: list[Sequence[object]] = []
    for row in _rows(learnt, counts):
        means = {mark["fact"]: mark["mean"] for mark in row["marks"]}
        rows.append((row["cluster"], row["title"], row["members"], f"{row['members'] / everybody:.1%}", *(round(means[fact], 1) for fact in facts)))
    columns = ("cluster", "called", "members", "share of members", *(WORDS[fact][0] for fact in facts))
    print_table("Clusters, with the mean of each fact", columns, rows)


@app.command()
@run_command
def explain(
    cluster: Annotated[str | None, typer.Argument(help="The cluster's id, such as c1; left out: every one")] = None, as_json: AsJson = False
) -> None:
    """Say in words what marks a cluster."""
    with open_foundation() as ground, ground.database.transaction() as connection:
        learnt, counts = _learnt(connection)
    rows = [row for row in _rows(learnt, counts) if cluster in (None, row["cluster"])]
    if not rows:
        known = ", ".join(row["cluster"] for row in _rows(learnt, counts))
        raise refuse("there is no cluster {cluster}; expected one of {known}", cluster=cluster, known=known)
    if as_json:
        print_json([{**row, "words": _sentences(row)} for row in rows])
        return
    everybody = sum(counts.values()) or 1
    for row in rows:
        say("{cluster}, {title}: {members} members ({share:.1%})", share=row["members"] / everybody, **{k: row[k] for k in ("cluster", "title", "members")})
        for sentence in _sentences(row):
            say("  {sentence}", sentence=sentence)


def _sentences(row: Mapping[str, Any]) -> list[str]:
    found = [Mark(**mark) for mark in row["marks"]]
    return [_sentence(mark) for mark in found if abs(mark.distance) >= MARKED] or [in_words("in nothing unlike everybody")]


def _sentence(mark: Mark) -> str:
    label = in_words(WORDS[mark.fact][0])
    if mark.times is None:
        return in_words("{fact}: {mean:,.1f} on average", fact=label, mean=mark.mean)
    return in_words(
        "{fact}: {mean:,.1f} on average, {times:.1f} × everybody's {everybody:,.1f}",
        fact=label, mean=mark.mean, times=mark.times, everybody=mark.everybody,
    )  # fmt: skip


@app.command("name")
@run_command
def name_one(
    cluster: Annotated[str, typer.Argument(help="The cluster's id, such as c1")],
    name: Annotated[str, typer.Argument(help="What people call it")],
) -> None:
    """Name a cluster; the name stays with it when the borders are drawn anew."""
    with open_foundation() as ground, ground.database.transaction() as connection:
        name_cluster(connection, cluster, name)
    say("{cluster} is called {name}.", cluster=cluster, name=name.strip())
