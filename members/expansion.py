"""Segments put in place of their names, with an eye on circles and on size."""

import difflib
from collections.abc import Mapping

from language.problems import refuse
from members.condition_model import DEEPEST, MOST_CONDITIONS, TOO_LARGE, Condition


def expanded(condition: Condition, segments: Mapping[str, Condition]) -> Condition:
    """Return the condition with every segment's own condition in place of its name.

    Raises:
        InputRefused: a segment or a list is not known, a segment asks about itself, or the whole is too large.
    """
    return _Expansion(segments).of(condition, path=(), depth=1)


class _Expansion:
    """One walk through a condition; counts what it has seen."""

    def __init__(self, segments: Mapping[str, Condition]) -> None:
        self._segments = segments
        self._seen = 0

    def of(self, condition: Condition, *, path: tuple[str, ...], depth: int) -> Condition:
        self._seen += 1
        if self._seen > MOST_CONDITIONS or depth > DEEPEST:
            raise refuse(TOO_LARGE, most=MOST_CONDITIONS, deepest=DEEPEST)
        if condition.segment is not None:
            return self.of(self._named(condition.segment, path), path=(*path, condition.segment), depth=depth)
        if condition.not_ is not None:
            return Condition(not_=self.of(condition.not_, path=path, depth=depth + 1))
        if condition.all is not None:
            return Condition(all=[self.of(inner, path=path, depth=depth + 1) for inner in condition.all])
        if condition.any is not None:
            return Condition(any=[self.of(inner, path=path, depth=depth + 1) for inner in condition.any])
        if condition.listed is not None:
            self._must_be_a_list(condition.listed)
        return condition

    def _must_be_a_list(self, name: str) -> None:
        """Refuse a list nobody knows: nobody would be on it, and ``not`` of it would be everybody."""
        if self._segments.get(name) == Condition(listed=name):
            return
        lists = [other for other, asked in self._segments.items() if asked == Condition(listed=other)]
        near = difflib.get_close_matches(name, lists, n=1)
        if near:
            raise refuse("there is no list {name}; did you mean {near}?", name=name, near=near[0], field="listed")
        raise refuse("there is no list {name}", name=name, field="listed")

    def _named(self, name: str, path: tuple[str, ...]) -> Condition:
        if name in path:
            circle = " → ".join((*path[path.index(name) :], name))
            raise refuse("the segment asks about itself: {circle}", circle=circle, field="segment")
        if name in self._segments:
            return self._segments[name]
        near = difflib.get_close_matches(name, self._segments, n=1)
        if near:
            raise refuse("there is no segment {name}; did you mean {near}?", name=name, near=near[0], field="segment")
        raise refuse("there is no segment {name}", name=name, field="segment")
