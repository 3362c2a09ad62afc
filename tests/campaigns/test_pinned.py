"""What a template version says is fetched once per process, and is told apart by its digest and by nothing else."""

import pytest
from sqlalchemy import delete, insert, update

from campaigns import pinned
from campaigns.pinned import PinnedTemplate, pinned_template
from campaigns.publishing import load_campaign
from database.engine import Database
from database.tables import template_versions
from language.problems import InputRefused
from templates.library import digest, load_library
from tests.makers import make_campaign


def keep(database: Database, *titles: str) -> list[str]:
    """Put versions of one template into the database, which differ by their titles; return their digests."""
    content = load_library().content("welcome")
    marks = []
    with database.transaction() as connection:
        for title in titles:
            version = {**content, "title": {"zh": title, "en": title}}
            marks.append(digest(version))
            connection.execute(insert(template_versions).values(name="welcome", digest=marks[-1], content=version))
    return marks


def found(database: Database, mark: str) -> PinnedTemplate:
    with database.transaction() as connection:
        return pinned_template(connection, mark)


def test_a_version_is_fetched_and_compiled_once_and_shared(database: Database) -> None:
    (mark,) = keep(database, "once")
    first = found(database, mark)
    with database.transaction() as connection:
        connection.execute(delete(template_versions))

    assert found(database, mark) is first
    assert first.compiled is first.compiled and first.compiled.name == "welcome"


def test_versions_are_told_apart_by_their_digests_although_another_database_counts_the_same(database: Database) -> None:
    marks = []
    for title in ("here", "there"):
        marks += keep(database, title)
        assert found(database, marks[-1]).content["title"]["en"] == title
        with database.transaction() as connection:
            connection.execute(delete(template_versions))

    assert found(database, marks[0]).content["title"]["en"] == "here"


def test_no_more_versions_are_kept_than_there_is_room_for(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pinned, "MOST_KEPT", 2)
    first, second, third = keep(database, "first", "second", "third")
    versions = [found(database, mark) for mark in (first, second, first, third)]

    assert found(database, first) is versions[0] and found(database, third) is versions[3]
    assert found(database, second) is not versions[1]
    assert found(database, second).compiled.words.keys() == versions[1].compiled.words.keys()


def test_a_campaign_whose_words_cannot_be_used_any_more_is_found_all_the_same(database: Database) -> None:
    with database.transaction() as connection:
        content = dict(make_campaign(connection).template_content)
        content["parts"] = {"sms": {"zh": {"text": "{{ nothing_known }}"}}}
        connection.execute(update(template_versions).values(content=content, digest=digest(content)))
        campaign = load_campaign(connection, "new-season")

    with pytest.raises(InputRefused, match="nothing_known"):
        _ = campaign.template.compiled
