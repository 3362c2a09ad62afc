"""``tidings members life``: everything worked out about a member on one page."""

import json
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import insert
from typer.testing import CliRunner

from console.commands.members import app
from database.engine import Database
from database.loyalty_tables import coupons, member_tiers, points, predictions, rfm_scores, survey_answers
from database.member_tables import segment_members
from tests.makers import make_members

NOW = datetime(2026, 8, 1, tzinfo=UTC)


def test_everything_is_on_one_page_and_nothing_is_said_where_there_is_nothing(
    database: Database, redis_url: str, tmp_path: Path
) -> None:
    env = {
        "TIDINGS_DATABASE_URL": database.url.render_as_string(hide_password=False), "TIDINGS_REDIS_URL": redis_url,
        "TIDINGS_HOME": str(tmp_path / "home"), "TIDINGS_LANGUAGE": "en",
    }  # fmt: skip
    with database.transaction() as connection:
        one, _ = make_members(connection, 2, channels=(), consenting=False)
        for table, values in (
            (member_tiers, {"tier": "gold", "since": NOW, "measured": 5200}),
            (points, {"kind": "earn", "amount": 120, "source": "shop", "key": "1", "occurred_at": NOW}),
            (points, {"kind": "burn", "amount": -20, "source": "shop", "key": "2", "occurred_at": NOW}),
            (coupons, {"pool": "spring-20", "code": "A1", "issued_at": NOW, "occasion": "send:1", "cost": 20, "redeemed_at": NOW}),
            (rfm_scores, {"recency": 5, "frequency": 4, "monetary": 3, "cell": "loyal", "scored_at": NOW}),
            (predictions, {"alive": 0.91, "expected_orders": 1.5, "at_risk": False, "predicted_at": NOW}),
            (segment_members, {"segment": "big-spenders", "entered_at": NOW}),
            (survey_answers, {"survey": "after-purchase", "occasion": "send:1", "score": 9, "comment": "很好", "answered_at": NOW}),
        ):
            connection.execute(insert(table).values(member_id=one, **values))

    data = json.loads(CliRunner().invoke(app, ["life", "m1", "--json"], env=env).stdout)
    page = CliRunner().invoke(app, ["life", "m1"], env=env).stdout
    chinese = CliRunner().invoke(app, ["life", "m1"], env=env | {"TIDINGS_LANGUAGE": "zh"}).stdout
    nothing = CliRunner().invoke(app, ["life", "m2"], env=env)
    unknown = CliRunner().invoke(app, ["life", "m3"], env=env)

    assert (data["tier"]["tier"], data["points"], data["coupons"][0]["state"]) == ("gold", 100, "redeemed")
    assert (data["rfm"]["cell"], data["prediction"]["alive"], data["segments"][0]["segment"]) == ("loyal", 0.91, "big-spenders")
    assert [(answer["score"], answer["comment"]) for answer in data["answers"]] == [(9, "很好")]
    assert [word for word in ("gold", "100", "A1", "loyal", "91.0%", "big-spenders", "after-purchase", "很好") if word not in page] == []
    assert ["points", "100"] in [[cell.strip() for cell in line.strip("│").split("│")] for line in page.splitlines()]
    headings = [head.strip() for line in chinese.splitlines() if line.startswith("┃") for head in line.strip("┃").split("┃")]
    standing = [line.split("│")[1].strip() for line in chinese.split("\n┏")[1].splitlines() if line.startswith("│")]
    assert (len(headings), len(standing)) > (15, 12)
    assert [words for words in headings + standing if words.isascii()] == []
    assert (nothing.exit_code, "Nothing has been worked out" in nothing.stdout) == (0, True)
    assert (unknown.exit_code, "there is no member m3" in unknown.output) == (2, True)
