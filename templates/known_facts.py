"""The facts every template may use, and a believable member who has them all."""

from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from types import MappingProxyType
from typing import Final

#: ``campaigns/rendering_facts.py`` reads them; brand facts are the installation's settings.  The sample member has no
#: ``trigger``: what it holds is each event's own, and words that are also sent without a journey need a default.
KNOWN_FACTS: Final = frozenset(
    {
        *("name", "tier", "language", "joined_on", "birth_month", "birth_day", "today"),
        *("purchases", "spend", "last_purchase_on", "attributes", "orders", "loyalty", "trigger"),
        *("brand", "brand_phone", "brand_address"),
    }
)

SAMPLE_FACTS: Final[Mapping[str, object]] = MappingProxyType(
    {
        "name": "王小明",
        "tier": "gold",
        "joined_on": date(2024, 11, 28),
        "birth_month": 10,
        "birth_day": 21,
        "today": date(2026, 10, 21),
        "purchases": 12,
        "spend": Decimal("12888.50"),
        "last_purchase_on": date(2026, 7, 23),
        "attributes": {},
        "orders": {
            "count": 12,
            "spent": Decimal("12688.50"),
            "refunded": Decimal("200.00"),
            "average": Decimal("1057.38"),
            "first_on": date(2024, 12, 24),
            "last_on": date(2026, 7, 23),
            "days_between": Decimal("52.36"),
            "favourite_category": "护肤",
            "last_category": "面霜",
            "next_category": "精华",
            **{f"count_{days}d": count for days, count in ((7, 0), (30, 0), (90, 1), (365, 8))},
            **{f"spent_{days}d": Decimal(spent) for days, spent in ((7, 0), (30, 0), (90, 888), (365, 8888))},
        },
        "loyalty": {
            "points": 1288,
            "expiring": 80,
            "expiring_on": date(2026, 12, 31),
            "tier_until": date(2026, 12, 31),
            "keep_by": date(2027, 1, 30),
            "missing": Decimal("320.00"),
            "next_tier": "platinum",
            "next_missing": Decimal("7111.50"),
        },
        "brand": {
            "zh": "晨光生活",
            "en": "Morning Light",
            "phone": "400-000-0000",
            "address": "上海市黄浦区示例路 1 号",
        },
    }
)


def brand_facts(brand: object, language: str) -> Mapping[str, object]:
    """Spread the installation's brand (``zh``, ``en``, ``phone``, ``address``) into facts; a text is its name."""
    if not isinstance(brand, Mapping):
        return {"brand": brand}
    return {
        "brand": brand.get(language) or brand.get("zh"),
        "brand_phone": brand.get("phone"),
        "brand_address": brand.get("address"),
    }
