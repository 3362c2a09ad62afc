"""What a pretend WeChat will not take: the form of requests, and the ledger of what members allowed."""

import json
import re
import time
from collections import defaultdict
from collections.abc import Callable, Mapping

Refusal = tuple[int, str]

#: The longest value of each kind of field, in characters.
LONGEST = {
    "thing": 20,
    "character_string": 32,
    "number": 32,
    "letter": 32,
    "symbol": 5,
    "phone_number": 17,
    "car_number": 8,
    "name": 20,
    "phrase": 5,
    "const": 20,
}
UNLIMITED = frozenset({"time", "date", "amount", "enum"})
OPENID = re.compile(r"[A-Za-z0-9_-]{6,64}")
#: How many answers an act allows, and for how many seconds.
WINDOWS: Mapping[str, tuple[int, float]] = {
    "text": (5, 48 * 3600.0),
    "CLICK": (3, 60.0),
    "subscribe": (3, 60.0),
    "SCAN": (3, 60.0),
}


def charset_problem(body: bytes) -> Refusal | None:
    """Return the refusal of a body that escapes its characters, or is no JSON object."""
    if re.search(rb"\\u[0-9a-fA-F]{4}", body):
        return 40033, "invalid charset. please check your request, if include \\uxxxx will create fail!"
    return (47001, "data format error") if read_object(body) is None else None


def read_object(body: bytes) -> dict[str, object] | None:
    """Return the JSON object a body holds; None: it holds none."""
    try:
        said = json.loads(body.decode())
    except (ValueError, RecursionError):
        return None
    return said if isinstance(said, dict) else None


def template_problem(asked: Mapping[str, object], also: frozenset[str]) -> Refusal | None:
    """Return the refusal of a message with a template's fields; ``also`` may stand beside them."""
    if not OPENID.fullmatch(str(asked.get("touser", ""))):
        return 40003, "invalid openid"
    if not isinstance(asked.get("template_id"), str) or not asked["template_id"]:
        return 40037, "invalid template_id"
    if not asked.keys() <= {"touser", "template_id", "data", *also}:
        return 40035, "invalid parameter"
    data = asked.get("data")
    if not isinstance(data, dict) or not data:
        return 47003, "argument invalid! data is empty"
    problems = (problem for name, each in data.items() if (problem := _field_problem(str(name), each)))
    problem = next(problems, None)
    return (47003, f"argument invalid! {problem}") if problem else None


def _field_problem(name: str, field: object) -> str | None:
    kind = re.fullmatch(r"([a-z_]+?)\d+", name)
    value = field.get("value") if isinstance(field, dict) else None
    if kind is None or not (kind[1] in LONGEST or kind[1] in UNLIMITED) or not isinstance(value, str):
        return f"data.{name}.value invalid"
    if not value:
        return f"data.{name}.value is empty"
    units = len(value.encode("utf-16-le", "surrogatepass")) // 2
    return f"data.{name}.value invalid" if units > LONGEST.get(kind[1], units) else None


def words_problem(asked: Mapping[str, object], most: int) -> Refusal | None:
    """Return the refusal of a message that carries words or an article instead of fields."""
    kind = asked.get("msgtype")
    inner = asked.get(kind) if kind in ("text", "mpnews") else None
    if kind not in ("text", "mpnews"):
        return 40008, "invalid message type"
    said = inner.get("content" if kind == "text" else "media_id") if isinstance(inner, dict) else None
    if not isinstance(said, str) or not said:
        return 44004, "empty content"
    return (45002, "content size out of limit") if len(said.encode()) > most else None


def mass_problem(asked: Mapping[str, object], *, to_tag: bool) -> Refusal | None:
    """Return the refusal of a mass send."""
    mark = asked.get("clientmsgid", "")
    if not isinstance(mark, str) or len(mark) > 32:
        return 45067, "clientmsgid size out of limit"
    if to_tag:
        chosen = asked.get("filter")
        if (
            not isinstance(chosen, dict)
            or chosen.get("is_to_all") is not False
            or not isinstance(chosen.get("tag_id"), int)
        ):
            return 40035, "invalid parameter"
    else:
        people = asked.get("touser")
        if not isinstance(people, list) or not 2 <= len(people) <= 10_000:
            return 40130, "invalid openid list size, at least two openid"
        if len({*map(str, people)}) < len(people) or not all(OPENID.fullmatch(str(each)) for each in people):
            return 40003, "invalid openid"
    return words_problem(asked, 20_000)


class Members:
    """Who follows, who allowed how many notices, and whose window for answers is open."""

    def __init__(self, *, grants_needed: bool, now: Callable[[], float] = time.monotonic) -> None:
        self._grants_needed = grants_needed
        self._now = now
        self._grants: dict[tuple[str, str], int] = {}
        self._windows: defaultdict[str, list[list[float]]] = defaultdict(list)
        self._gone: set[str] = set()

    def act(self, openid: str, act: str) -> None:
        """Take note of something a member did."""
        if act == "unsubscribe":
            self._gone.add(openid)
            self._windows.pop(openid, None)
            return
        if act == "subscribe":
            self._gone.discard(openid)
        count, lasts = WINDOWS.get(act, (0, 0.0))
        self._windows[openid].append([float(count), self._now() + lasts])

    def allow(self, openid: str, template_id: str, times: int) -> None:
        """Let a member allow so many more notices; 0: take all of them back."""
        key = openid, template_id
        self._grants[key] = self._grants.get(key, 0) + times if times else 0

    def use_grant(self, openid: str, template_id: str) -> Refusal | None:
        """Use up one permission; somebody nothing was ever said of has any number, unless they are needed."""
        left = self._grants.get((openid, template_id))
        if left is None and not self._grants_needed:
            return None
        if not left:
            return 43101, "user refuse to accept the msg"
        self._grants[(openid, template_id)] = left - 1
        return None

    def use_window(self, openid: str) -> Refusal | None:
        """Use up one answer."""
        open_ones = [each for each in self._windows[openid] if self._now() < each[1]]
        if not open_ones or openid in self._gone:
            return 45015, "response out of time limit or subscription is canceled"
        left = next((each for each in open_ones if each[0] > 0), None)
        if left is None:
            return 45047, "out of response count limit"
        left[0] -= 1
        return None

    def following(self, openid: str) -> Refusal | None:
        """Refuse somebody who has left."""
        return (43004, "require subscribe") if openid in self._gone else None
