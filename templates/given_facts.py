"""Which value each fact of a template has for one member."""

from collections.abc import Collection, Mapping

from templates.known_facts import KNOWN_FACTS, brand_facts
from templates.sandbox import WHOLES, plain


def given_facts(
    names: Collection[str], language: str, facts: Mapping[str, object], *, defaults: Mapping[str, object]
) -> dict[str, object]:
    """Gather the facts the words use: the member's, else an attribute's, else the declared default.

    A default such as ``orders.next_category`` stands in for one part of a fact that has parts.
    """
    attributes = facts.get("attributes")
    given = attributes if isinstance(attributes, Mapping) else {}
    brand = brand_facts(facts.get("brand"), language)
    known: dict[str, object] = {}
    for name in names:
        value = brand[name] if name in brand else facts.get(name)
        if (value is None or value == "") and name not in KNOWN_FACTS:
            value = given.get(name)
        if value is None or value == "":
            value = defaults.get(name)
        if value is not None:
            known[name] = plain(value, name)
    for name, default in defaults.items():
        whole, _, part = name.partition(".")
        held = known.get(whole, {})
        if part and whole in names and isinstance(held, dict) and held.get(part) in (None, ""):
            known[whole] = {**held, part: default}
    for name in WHOLES.keys() & names:
        held = known.get(name, {})
        if isinstance(held, dict):
            known[name] = WHOLES[name](held)
    return known
