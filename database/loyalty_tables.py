"""The tables of what follows from a member's life: tiers, points, coupons, scores, places, answers."""

# isort: off
from sqlalchemy import (
    BigInteger, Boolean, CheckConstraint, Column, Date, Double, ForeignKey, Integer, Numeric, SmallInteger, Text,
    UniqueConstraint,
)  # fmt: skip

# isort: on
from sqlalchemy.dialects.postgresql import JSONB

from database.columns import id_column, index, member_column, moment, one_of, only_member, table, words

# ------------------------------------------------------- tiers, points, coupons

member_tiers = table(
    "member_tiers",
    only_member(),
    words("tier"),
    moment("since", required=True),
    moment("until"),  # when its period ends and it is looked at again; None: never lost
    Column("measured", Numeric(20, 2), nullable=False, server_default="0"),  # spend or orders of the period so far
    Column("needed", Numeric(20, 2)),  # the threshold by which it was reached; None: not by orders of this period
    Column("former", Text),  # the tier it was reached from, to which a refund brings back
    index(None, "until"),
)

# Append-only: what was earned, spent, expired or put right.  A balance is a sum of amounts.
points = table(
    "points",
    id_column(),
    member_column(),
    words("kind"),
    Column("amount", BigInteger, nullable=False),  # above zero: more; 0: an event that earned nothing
    words("rule", default=""),
    words("source"),
    words("key"),  # once per (source, key)
    moment("occurred_at", required=True),
    moment("expires_at"),  # of what was earned or given; None: never
    Column("event_id", BigInteger),  # what it was earned or spent by
    Column("lot_id", BigInteger),  # of what expired or was put right: the row that earned it; None: a member's balance
    one_of("kind", "earn", "burn", "expire", "adjust"),
    UniqueConstraint("source", "key"),
    index(None, "member_id", "occurred_at", include="amount"),
    index("points_expiring_index", "expires_at", where="expires_at IS NOT NULL", include="member_id"),
    index("points_lot_index", "lot_id", where="lot_id IS NOT NULL"),
)

coupons = table(
    "coupons",
    id_column(),
    words("pool"),
    words("code"),
    Column("member_id", BigInteger, ForeignKey("members.id")),  # None: nobody has it
    Column("occasion", Text),  # what it was issued for
    moment("issued_at"),
    moment("expires_at"),
    moment("redeemed_at"),
    Column("redeemed_event_id", BigInteger),
    Column("cost", Numeric(20, 4)),  # what its redemption cost
    UniqueConstraint("pool", "code"),
    UniqueConstraint("pool", "member_id", "occasion"),
    CheckConstraint("(member_id IS NULL) = (issued_at IS NULL)", name="issued_to_somebody"),
    index("coupons_free_index", "pool", "id", where="issued_at IS NULL"),
    index("coupons_expiring_index", "expires_at", where="issued_at IS NOT NULL AND redeemed_at IS NULL"),
    index(None, "member_id"),
)

# --------------------------------------------------- what follows from all that

rfm_scores = table(
    "rfm_scores",
    only_member(),
    Column("recency", SmallInteger, nullable=False),  # 1 to 5; 5: bought most lately
    Column("frequency", SmallInteger, nullable=False),
    Column("monetary", SmallInteger, nullable=False),
    words("cell"),
    moment("scored_at", required=True),
    index(None, "cell"),
)

predictions = table(
    "predictions",
    only_member(),
    Column("alive", Double, nullable=False),  # the probability that the member has not left for good
    Column("expected_orders", Double, nullable=False),  # within the horizon
    Column("expected_value", Double),  # of those orders; None: too few orders with an amount
    Column("at_risk", Boolean, nullable=False),
    moment("predicted_at", required=True),
)

# What a model learnt, by kind and name: parameters, with what they were learnt from and how well they fit.
fits = table(
    "fits",
    Column("kind", Text, primary_key=True),
    Column("name", Text, primary_key=True),
    Column("parameters", JSONB, nullable=False),
    moment("fitted_at", required=True),
)

bought_together = table(
    "bought_together",
    Column("relation", Text, primary_key=True),
    Column("item", Text, primary_key=True),
    Column("other", Text, primary_key=True),
    Column("orders", Integer, nullable=False),  # baskets with both, or orders followed by the other
    Column("support", Double, nullable=False),
    Column("confidence", Double, nullable=False),
    Column("lift", Double, nullable=False),
    one_of("relation", "together", "next"),
)

member_clusters = table(
    "member_clusters", only_member(), words("cluster"), moment("since", required=True), index(None, "cluster")
)

# ------------------------------------------------------------ places and answers

stores = table(
    "stores",
    Column("key", Text, primary_key=True),
    words("name"),
    Column("latitude", Double, nullable=False),  # degrees, WGS 84
    Column("longitude", Double, nullable=False),
    Column("closed_on", Date),
    CheckConstraint("latitude BETWEEN -90 AND 90 AND longitude BETWEEN -180 AND 180", name="on_earth"),
)

member_places = table(
    "member_places",
    only_member(),
    Column("kind", Text, primary_key=True),
    Column("latitude", Double, nullable=False),
    Column("longitude", Double, nullable=False),
    moment("seen_at", required=True),
    one_of("kind", "home", "last_seen"),
    CheckConstraint("latitude BETWEEN -90 AND 90 AND longitude BETWEEN -180 AND 180", name="on_earth"),
    index(None, "latitude", "longitude"),
)

survey_answers = table(
    "survey_answers",
    id_column(),
    words("survey"),
    member_column(),
    words("occasion"),  # what it was asked about: a send
    Column("score", SmallInteger, nullable=False),
    words("comment", default=""),
    moment("answered_at", required=True),
    UniqueConstraint("survey", "member_id", "occasion"),
    index(None, "member_id"),
)
