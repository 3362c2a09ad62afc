"""The whole folder of examples is applied by the commands its page names, and members walk through every journey of it."""

import html
import json
import re
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from urllib.parse import urlencode

import pytest
from sqlalchemy import text
from typer.testing import CliRunner, Result

from campaigns.delivery import deliver
from campaigns.invariants import broken
from channels.simulator.running import SimulatorProcess
from config.settings import read_settings
from config.wiring import open_application
from console.command import assemble
from database.engine import Database, set_clock
from journeys.advance import advance
from journeys.triggers import enrol, enrol_scheduled
from members.definitions import load_definition
from members.events import NewEvent, record
from members.reckoning import reckon
from members.surveys.answering import answer
from members.surveys.definition import Survey
from members.upkeep import keep_up
from tests.carriers import a_simulator
from tests.conftest import empty
from workers.installation import Installation, install

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = ROOT / "config" / "examples"
PAGES = (ROOT / "docs" / "examples.md", ROOT / "docs" / "zh" / "examples.md")
START = datetime(2026, 3, 2, 4, tzinfo=UTC)  # a Monday, noon in Shanghai
DAY = timedelta(days=1)
EACH = 4  #: members of each kind, so that some are messaged whoever is held back
KINDS = ("rise", "gold", "small", "birthday", "mailed")
ORDERS = {"rise": 1200, "gold": 6000, "small": 80, "mailed": 1300}
CAMPAIGNS = sorted(path.stem for path in (EXAMPLES / "campaigns").glob("*.yaml"))


def commands(page: Path) -> list[list[str]]:
    """Return the commands of a page that apply the examples, in their order."""
    blocks = re.findall(r"```sh\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL)
    (block,) = (each for each in blocks if each.startswith("tidings "))
    return [line.split()[1:] for line in block.splitlines()]


def keys(kind: str) -> list[str]:
    return [f"{kind}{number}" for number in range(EACH)]


def phone(key: str) -> str:
    kind, number = key[:-1], key[-1]
    return f"+8613800{KINDS.index(kind):05}{number}"


@dataclass
class Lived:
    """An installation of the examples, and what its members were told."""

    database: Database
    simulator: SimulatorProcess
    home: Path
    installation: Installation | None = None
    foreseen: dict[tuple[str, str], Mapping[str, object]] = field(default_factory=dict)  #: by campaign and settings
    texts: dict[str, list[str]] = field(default_factory=dict)  #: of text messages behind their one signature, by the member's key
    mails: dict[str, list[str]] = field(default_factory=dict)

    @property
    def env(self) -> dict[str, str]:
        return {
            "TIDINGS_FILE": str(self.home / "tidings.toml"),
            "TIDINGS_HOME": str(self.home),
            "TIDINGS_LANGUAGE": "en",
        }

    def __call__(self, *words: object) -> Result:
        said = [str(word) for word in words]
        return CliRunner().invoke(assemble(said[0]), said, env=self.env)

    def at(self, now: datetime) -> None:
        """Let it be ``now``, and let everything follow that does until the members have their messages."""
        assert self.installation is not None
        rules = self.installation.application.rules
        with self.database.transaction() as connection:
            set_clock(connection, now)
        keep_up(self.database, zone=self.installation.application.zone, now=now)
        for _ in range(3):  # What is delivered, such as a coupon, may be told in its turn.
            with self.database.transaction() as connection:
                while reckon(connection, now=now):
                    pass
                enrol(connection, now=now)
                enrol_scheduled(connection, now=now)
                advance(connection, now=now, rules=rules)
            for carrier in self.installation.carriers.values():
                deliver(carrier, now=now)

    def tell(self, at: datetime, kind: str, told: Mapping[str, int], **properties: object) -> None:
        """Let an event happen to members, with its value for each kind of them."""
        batch = [
            NewEvent(
                source="shop", key=f"{kind}:{key}:{at}", member_key=key, kind=kind, occurred_at=at,
                value=Decimal(value), properties=properties,
            )
            for which, value in told.items()
            for key in keys(which)
        ]  # fmt: skip
        with self.database.transaction() as connection:
            record(connection, batch, now=at)

    def foresee(self, *campaigns: str) -> None:
        """Keep what a preflight tells, with the accounts of these settings and with those of a first run."""
        for name in campaigns:
            for file in ("tidings.toml", "first.toml"):
                ran = CliRunner().invoke(
                    assemble("campaigns"), ["campaigns", "preflight", name, "--json"],
                    env=self.env | {"TIDINGS_FILE": str(self.home / file)},
                )  # fmt: skip
                assert ran.stdout, (ran.exception, ran.stderr)
                self.foreseen[name, file] = json.loads(ran.stdout)

    def score(self, name: str, members: Sequence[str], score: int, *, at: datetime) -> None:
        """Let members answer a survey."""
        found = text("SELECT id FROM members WHERE key = ANY(:keys)")
        with self.database.transaction() as connection:
            survey = load_definition(connection, Survey, name)
            for member in connection.execute(found, {"keys": list(members)}).scalars().all():
                assert answer(connection, survey, member, "send:0", score=score, comment="", now=at)

    def codes(self, pool: str) -> dict[str, str]:
        """Return the codes that members were issued, by their keys."""
        asked = text("SELECT key, code FROM coupons JOIN members ON members.id = member_id WHERE pool = :pool")
        with self.database.transaction() as connection:
            return {row.key: row.code for row in connection.execute(asked, {"pool": pool})}

    def sent(self, campaign: str, *states: str) -> list[str]:
        """Return the keys of members who have a send of this campaign in one of these states."""
        asked = text(
            "SELECT members.key FROM sends JOIN members ON members.id = sends.member_id "
            "JOIN campaigns ON campaigns.id = sends.campaign_id "
            "WHERE campaigns.name = :name AND sends.state = ANY(:states) ORDER BY members.key"
        )
        with self.database.transaction() as connection:
            return list(connection.execute(asked, {"name": campaign, "states": list(states)}).scalars())

    def look(self) -> None:
        """Read from the simulator's page what it was given for each number and mailbox."""
        for key in (key for which in KINDS if which != "mailed" for key in keys(which)):
            page = self._page(channel="sms", wanted=phone(key).removeprefix("+"))
            self.texts[key] = re.findall(r"<li><p><b>【晨光生活】</b>(.*?)</p>", page)
        listed = self._page(channel="email").partition("<main>")[0]
        for number in sorted(set(re.findall(r"mail=(\d+)", listed)), key=int):
            _, _, page = self._page(mail=number).partition("<main>")
            (to,) = re.findall(r"<dd>(\w+)@example\.com <time", page)
            self.mails.setdefault(to, []).append(page.partition("</main>")[0])

    def _page(self, **asked: str) -> str:
        with urllib.request.urlopen(f"{self.simulator.http_url}/?{urlencode(asked)}", timeout=10) as found:
            return html.unescape(html.unescape(found.read().decode()))  # Of a mail's HTML, which stands in an attribute.


ENGINES = """
templates = "config/examples/templates"
database_url = "{database}"
redis_url = "{redis}"
"""
ACCOUNTS = """
[providers.sms]
provider = "sms.kannel"
username = "simulated-user"
password = "simulated-password"
sign_name = "晨光生活"
endpoint = "{http}"
[providers.email]
provider = "email.smtp"
host = "127.0.0.1"
port = {smtp}
security = "none"
sender_address = "crm@example.com"
"""

MEMBERS_MAP = """
key: 会员号
name: 姓名
phone: 手机
email: 邮箱
birthday: 生日
consent_sms: 短信同意
consent_email: 邮件同意
consent: {source: member-card form, text_version: "2026-01"}
"""


def members_file() -> str:
    """Return a table of the members: one kind has mailboxes and no number, one a birthday in ten days."""
    rows = ["会员号,姓名,手机,邮箱,生日,短信同意,邮件同意"]
    for which in KINDS:
        for key in keys(which):
            reached = ("", f"{key}@example.com") if which == "mailed" else (phone(key), f"{key}@example.com" if which == "gold" else "")
            rows.append(f"{key},{key}女士,{','.join(reached)},{'1990-03-12' if which == 'birthday' else ''},是,是")
    return "\n".join(rows) + "\n"


def apply_everything(lived: Lived) -> None:
    """Import the members and run the page's commands."""
    (lived.home / "members.csv").write_text(members_file(), encoding="utf-8")
    (lived.home / "map.yaml").write_text(MEMBERS_MAP, encoding="utf-8")
    imported = ["members", "import", lived.home / "members.csv", "--map", lived.home / "map.yaml"]
    for words in [*commands(PAGES[0]), imported]:
        ran = lived(*words)
        assert ran.exit_code == 0, f"{words}: {ran.output}"


def live(lived: Lived) -> None:
    """Let the members live for thirteen months, and look at each campaign when there is somebody it is for."""
    lived.at(START + timedelta(hours=1))
    lived.tell(START + DAY, "order.paid", ORDERS, category="护肤")
    lived.at(START + DAY + timedelta(minutes=5))
    lived.at(START + 3 * DAY)  # a week before a birthday
    lived.foresee("tier-up", "birthday-gift")
    lived.at(START + 8 * DAY + timedelta(hours=8))  # a week after the order, at eight in the evening
    lived.score("after-purchase", keys("small"), 2, at=START + 9 * DAY)
    lived.at(START + 9 * DAY)
    lived.foresee("how-was-it", "sorry-to-hear")
    lived.at(START + 15 * DAY + timedelta(hours=1))  # two weeks after the first order, two days before the coupons end
    lived.foresee("second-order", "coupon-ending")
    lived.at(START + 61 * DAY)
    lived.foresee("quiet-60")
    lived.at(START + 100 * DAY)
    lived.foresee("spring-offer")
    launched = lived("campaigns", "launch", "spring-offer")
    assert launched.exit_code == 0, launched.output
    year = START + 366 * DAY
    lived.at(START + 100 * DAY + timedelta(minutes=5))
    lived.at(year - 29 * DAY)
    lived.foresee("points-expiry", "points-last-week")
    lived.at(year - 6 * DAY)
    lived.at(year + timedelta(hours=1))
    lived.foresee("tier-warning", "tier-last-call")
    lived.at(year + 23 * DAY + timedelta(hours=2))


@pytest.fixture(scope="module")
def lived(migrated_url: str, redis_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lived]:
    """Return the examples after thirteen months; what they sent is with the simulator."""
    home = tmp_path_factory.mktemp("examples")
    database = Database(migrated_url)
    empty(database)
    with a_simulator(home) as simulator, pytest.MonkeyPatch.context() as here:
        here.chdir(ROOT)
        address = database.url.render_as_string(hide_password=False)
        engines = ENGINES.format(database=address, redis=redis_url)
        accounts = ACCOUNTS.format(http=simulator.http_url, smtp=simulator.smtp_port)
        (home / "first.toml").write_text(engines, encoding="utf-8")
        (home / "tidings.toml").write_text(engines + accounts, encoding="utf-8")
        lived = Lived(database, simulator, home)
        for name, value in lived.env.items():
            here.setenv(name, value)
        with database.transaction() as connection:
            set_clock(connection, START)
        apply_everything(lived)
        with open_application(read_settings()) as application:
            lived.installation = install(application)
            live(lived)
            lived.look()
            yield lived
    database.close()


def test_both_pages_name_the_same_commands_for_every_folder() -> None:
    english, chinese = (commands(page) for page in PAGES)

    assert english == chinese
    named = {word.split("/")[2] for words in english for word in words if word.startswith("config/examples/")}
    assert named | {"templates"} == {path.name for path in EXAMPLES.iterdir()}


def told(lived: Lived, campaign: str, *kinds: str) -> dict[str, list[str]]:
    """Return all that was told to each member of these kinds whom the campaign messaged; nobody else may have a message of it."""
    treated, held_back = (set(lived.sent(campaign, state)) for state in ("accepted", "withheld"))
    assert treated | held_back == {key for kind in kinds for key in keys(kind)} and not treated & held_back
    assert all(treated & set(keys(kind)) for kind in kinds)
    return {key: lived.mails[key] if key.startswith("mailed") else lived.texts[key] for key in treated}


def holding(messages: Sequence[str], *words: str) -> int:
    """Count the messages that hold all of these words."""
    return sum(all(word in message for word in words) for message in messages)


def test_everybody_is_told_once_and_nothing_is_left(lived: Lived) -> None:
    for campaign in CAMPAIGNS:
        assert lived.sent(campaign, "waiting", "failed", "cancelled", "claimed", "in_doubt") == []
        messaged = lived.sent(campaign, "accepted")
        assert messaged and len(messaged) == len(set(messaged))
    assert sum(map(len, [*lived.texts.values(), *lived.mails.values()])) == sum(len(lived.sent(one, "accepted")) for one in CAMPAIGNS)
    texts = [each for key in lived.texts for each in lived.texts[key] if "很抱歉" not in each]
    assert all(each.endswith("拒收请回复R") for each in texts)
    assert all("退订" in each and "晨光生活 · 上海市" in each for mails in lived.mails.values() for each in mails)
    with lived.database.transaction() as connection:
        assert broken(connection) == []


def test_a_higher_tier_is_called_by_its_name(lived: Lived) -> None:
    for key, messages in told(lived, "tier-up", "rise", "gold", "mailed").items():
        tier = "金卡" if key.startswith("gold") else "银卡"
        assert holding(messages, f"{key}女士", f"升级为{tier}会员") == (0 if key.startswith("mailed") else 1)
        if key.startswith("mailed"):
            assert holding(messages, "恭喜升级", "欢迎成为银卡会员", "2027年3月3日", "再消费 ¥3,700.00，就是金卡会员") == 1


def test_the_points_that_expire_are_told_with_their_day(lived: Lived) -> None:
    for key, messages in told(lived, "points-expiry", "rise", "gold", "mailed").items():
        points = f"{ORDERS[key[:-1]]:,}"
        if key.startswith("mailed"):
            assert holding(messages, "2027年3月3日到期", f"{points} 积分") == 1
        else:
            assert holding(messages, f"有{points}积分将于3月3日到期") == 1
    for key, messages in told(lived, "points-last-week", "rise", "gold").items():
        assert holding(messages, "最后一周", f"{ORDERS[key[:-1]]:,}积分3月3日") == 1


def test_what_keeps_a_tier_is_told_twice_with_its_day(lived: Lived) -> None:
    for key, messages in told(lived, "tier-warning", "rise", "gold", "mailed").items():
        tier, missing = ("金卡", "¥5,000.00") if key.startswith("gold") else ("银卡", "¥1,000.00")
        if key.startswith("mailed"):
            assert holding(messages, f"{tier}会员等级即将到期", "2027年4月2日", f"再消费 {missing}") == 1
        else:
            assert holding(messages, f"{tier}会员等级快到期了：4月2日（含）前再消费{missing}") == 1
    for key, messages in told(lived, "tier-last-call", "rise", "gold").items():
        missing = "¥5,000.00" if key.startswith("gold") else "¥1,000.00"
        assert holding(messages, f"只剩一周：4月2日（含）前再消费{missing}") == 1


def test_a_quiet_member_is_greeted_with_what_they_like(lived: Lived) -> None:
    for messages in told(lived, "quiet-60", "rise", "gold", "small", "mailed").values():
        assert holding(messages, "好久不见", "店里新到了几款护肤") == 1


def test_each_first_order_brings_a_code_of_ones_own(lived: Lived) -> None:
    codes = lived.codes("second-order")
    treated = told(lived, "second-order", "rise", "gold", "small", "mailed")

    assert codes.keys() == treated.keys() and len(set(codes.values())) == len(codes)
    for key, messages in treated.items():
        assert holding(messages, codes[key], "4月16日") == 1 and codes[key].startswith("EX-")


def test_the_birthday_coupon_is_the_one_that_is_reminded_of(lived: Lived) -> None:
    codes, reminded = lived.codes("birthday"), told(lived, "coupon-ending", "birthday")

    assert codes.keys() == told(lived, "birthday-gift", "birthday").keys()
    for key, messages in reminded.items():
        assert holding(messages, "生日快乐", f"券码{codes[key]}", "3月19日") == 1
        assert holding(messages, "还有两天到期", f"券码：{codes[key]}") == 1


def test_codes_of_the_till_go_to_quiet_gold_members_at_the_launch(lived: Lived) -> None:
    codes = lived.codes("spring-20")
    known = set((EXAMPLES / "coupons" / "spring-20.csv").read_text(encoding="utf-8").split()[1:])

    assert set(codes.values()) <= known
    for key, messages in told(lived, "spring-offer", "gold").items():
        assert holding(messages, "满200减20", f"券码{codes[key]}") == 1


def test_the_survey_is_asked_by_mail_and_a_low_score_is_answered(lived: Lived) -> None:
    for key in (*keys("mailed"), *keys("gold")):
        (asked,) = [each for each in lived.mails[key] if "您愿意向朋友推荐我们吗" in each]
        (link,) = set(re.findall(r'href="(http://127\.0\.0\.1:8300/s/[\w-]+)\?score=9"', asked))
        assert f'href="{link}?score=0"' in asked and f'href="{link}?score=10"' in asked
    for messages in told(lived, "sorry-to-hear", "small").values():
        assert holding(messages, "很抱歉这次没能让您满意", "400-000-0000") == 1


def test_nothing_stands_in_the_way_of_any_campaign(lived: Lived) -> None:
    assert {name for name, _ in lived.foreseen} == set(CAMPAIGNS)
    for asked, told in lived.foreseen.items():
        assert (told["findings"], told["could_go"]) == ([], True), asked
