"""A broken file is told by its line, its step and what was expected."""

from pathlib import Path

import pytest

from journeys.groups import LONGEST
from journeys.journey import Journey, walk_steps
from journeys.loader import load_journey, load_journeys
from journeys.publishing import definition_of
from journeys.reference import reference
from language.problems import InputRefused

ROOT = Path(__file__).resolve().parents[2]
HEAD = "journey: j\ntrigger: {event: member.joined}\n"


def refusal(folder: Path, words: str, campaigns: set[str] | None = None) -> InputRefused:
    path = folder / "j.yaml"
    path.write_text(words, encoding="utf-8")
    with pytest.raises(InputRefused) as caught:
        load_journey(path, campaigns=campaigns)
    return caught.value


@pytest.mark.parametrize(
    ("words", "line", "field", "said"),
    [
        (HEAD + "steps:\n  - sned: {campaign: a}\n", 4, "steps[0].sned", "did you mean send?"),
        (HEAD + "steps:\n  - send: {campain: a}\n", 4, "steps[0].send.campain", "did you mean campaign?"),
        (HEAD + "steps:\n  - wait: {for: 3 days}\n", 4, "steps[0].wait.for", "3 days"),
        (HEAD + "steps:\n  - wait: {}\n", 4, "steps[0].wait", "how long"),
        (HEAD + "steps:\n  - exit: {}\n  - exit: {}\n", 5, "steps[1]", "nobody reaches this step"),
        (HEAD + "steps: []\n", 3, "steps", "at least 1"),
        (
            "journey: j\ntrigger: {inactive: {event: order.paid, for: 0d}}\nsteps: [{exit: {}}]\n",
            2,
            "trigger.inactive.for",
            "90d",
        ),
        (HEAD + "exit: [{event: member.joined}]\nsteps: [{exit: {}}]\n", 3, "exit[0].event", "in and out again"),
        (HEAD + "audience: {member: {teir: {eq: gold}}}\nsteps: [{exit: {}}]\n", 3, "audience.member", "tier"),
        (HEAD + "steps:\n  - send: {campaign: welcom}\n", 4, "steps[0].send.campaign", "expected welcome"),
        (
            HEAD
            + "steps:\n  - branch:\n      - otherwise: [{exit: {}}]\n      - when: {reachable: sms}\n        steps: [{exit: {}}]\n",
            5,
            "steps[0].branch[0]",
            "last arm",
        ),
        (
            HEAD + "steps:\n  - split:\n      - {share: 0.5, name: a}\n      - {share: 0.4, name: b}\n",
            4,
            "steps[0].split",
            "add up to 1, not 0.9",
        ),
    ],
)
def test_every_mistake_names_its_line_and_step(tmp_path: Path, words: str, line: int, field: str, said: str) -> None:
    found = refusal(tmp_path, words, {"welcome", "a"}).problems

    problem = next(one for one in found if said in one.told())
    assert (problem.line, problem.field) == (line, field)


def test_a_list_of_one_wrong_thing_is_not_called_too_short(tmp_path: Path) -> None:
    problems = refusal(tmp_path, HEAD + "steps:\n  - wait: {for: 3 moons}\n").problems

    assert [problem.field for problem in problems] == ["steps[0].wait.for"]


def test_a_journey_before_any_campaign_says_what_comes_first(tmp_path: Path) -> None:
    (problem,) = refusal(tmp_path, HEAD + "steps:\n  - send: {campaign: hello}\n", set()).problems

    assert "campaigns are applied before journeys" in problem.told("en")


def nested(depth: int) -> str:
    inside = "exit: {}"
    for _ in range(depth):
        inside = f"branch: [{{when: {{reachable: sms}}, steps: [{{{inside}}}]}}]"
    return HEAD + f"steps: [{{{inside}}}]\n"


def test_ways_inside_ways_are_refused_where_nobody_could_follow_them(tmp_path: Path) -> None:
    path = tmp_path / "deep.yaml"
    path.write_text(nested(8), encoding="utf-8")
    assert max(len(step) for step, _ in walk_steps(load_journey(path).steps)) < LONGEST

    problems = refusal(tmp_path, nested(11)).problems

    assert [problem.told("en") for problem in problems if "8 deep" in problem.told("en")] != []
    assert len(problems) == 1


def test_all_files_of_a_folder_are_checked_before_any_is_given_out(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(HEAD + "steps: [{exit: {}}]\n", encoding="utf-8")
    (tmp_path / "b.yaml").write_text(HEAD + "steps: [{exit: 3}]\n", encoding="utf-8")
    (tmp_path / "c.yaml").write_text("journey: [", encoding="utf-8")

    with pytest.raises(InputRefused) as caught:
        load_journeys(tmp_path)

    assert {Path(problem.file or "").name for problem in caught.value.problems} == {"b.yaml", "c.yaml"}


def test_the_library_journeys_are_sound_and_survive_being_stored() -> None:
    names = {path.stem for path in (ROOT / "campaigns" / "definitions").glob("*.yaml")}
    found = load_journeys(ROOT / "journeys" / "definitions", campaigns=names)

    assert {journey.journey for journey in found} == {"welcome", "birthday", "win-back-90"}
    for journey in found:
        assert Journey.model_validate(definition_of(journey)) == journey


def test_the_reference_page_says_what_the_models_say() -> None:
    page = (ROOT / "docs" / "journeys.md").read_text(encoding="utf-8")
    assert page == reference(), "run: python -m journeys.reference > docs/journeys.md"
