"""The tables about members beside the road: who somebody is, what was told of them, in which segments they are.

The road itself, from event to report, is in ``database/tables.py``.  The same forms hold here:
moments in UTC, money in the installation's one currency, shares from 0 to 1.
"""

# isort: off
from sqlalchemy import (
    BigInteger, Boolean, CheckConstraint, Column, ForeignKey, Identity, Integer, LargeBinary, Numeric, Text,
    UniqueConstraint,
)  # fmt: skip

# isort: on
from sqlalchemy.dialects.postgresql import INT8MULTIRANGE, JSONB

from database.columns import CHANNELS, id_column, index, member_column, moment, one_of, only_member, table, words

#: Days that counts and sums of orders are kept for.
WINDOWS = (7, 30, 90, 365)


# ------------------------------------------------------------- what is defined

# What people define in files, by kind and name: attributes, tiers, points, RFM, coupons, surveys, sources, …
definitions = table(
    "definitions",
    Column("kind", Text, primary_key=True),
    Column("name", Text, primary_key=True),
    Column("definition", JSONB, nullable=False),
    moment("updated_at", default=True),
)

# How far each kind of upkeep has come, so that days missed are made up for.
upkeep = table("upkeep", Column("kind", Text, primary_key=True), moment("done_to", required=True))

# Members of whom something new was told: written with it, deleted with what followed from it.
touched_members = table("touched_members", id_column(), Column("member_id", BigInteger, nullable=False))

# ------------------------------------------------------------------ who it is

# What tells that two rows are one person, beside addresses: a WeChat unionid, the number of a card.
identifiers = table(
    "identifiers",
    id_column(),
    member_column(),
    words("kind"),
    words("account", default=""),  # whose unionid or card it is
    words("value"),
    moment("created_at", default=True),
    one_of("kind", "unionid", "card"),
    UniqueConstraint("member_id", "kind", "account", "value"),  # Two rows may have the same: that is how they are found.
    index(None, "kind", "account", "value"),
)

merges = table(
    "merges",
    id_column(),
    Column("kept_id", BigInteger, ForeignKey("members.id"), nullable=False),
    Column("gone_id", BigInteger, ForeignKey("members.id"), nullable=False),
    words("matched_by"),  # sms, email, wechat, unionid, card or person
    words("decided_by", default=""),
    Column("moved", JSONB, nullable=False, server_default="{}"),  # what the way back needs
    moment("merged_at", required=True),
    moment("undone_at"),
    index("merges_gone_index", "gone_id", unique=True, where="undone_at IS NULL"),
    index(None, "kept_id"),
)

# Two rows that look like one person, which a person must decide.
merge_conflicts = table(
    "merge_conflicts",
    id_column(),
    Column("first_id", BigInteger, ForeignKey("members.id"), nullable=False),
    Column("second_id", BigInteger, ForeignKey("members.id"), nullable=False),
    words("matched_by"),
    words("problem"),  # why it is not plain
    moment("found_at", required=True),
    moment("decided_at"),
    Column("decision", Text),
    one_of("decision", "merged", "apart"),
    UniqueConstraint("first_id", "second_id"),
    CheckConstraint("first_id < second_id", name="lower_first"),
)

# Rows of the consent log that stand in no link yet: written with the consent, deleted with the link.
unlinked_consents = table("unlinked_consents", Column("consent_id", BigInteger, primary_key=True))

# One link of the chain over the consent log: a batch of its rows, and the digest of them and of all links before.
consent_links = table(
    "consent_links",
    id_column(),
    Column("consent_ids", INT8MULTIRANGE, nullable=False),
    Column("digest", LargeBinary, nullable=False),
    moment("linked_at", default=True),
)

# That somebody was erased, and nothing about them.
erasures = table(
    "erasures",
    id_column(),
    Column("member_id", BigInteger, unique=True),  # NULL: put back from the log; the number may be somebody else's here
    Column("fingerprint", LargeBinary, nullable=False),  # keyed hash of the member's key
    words("reason", default=""),
    moment("erased_at", required=True),
    moment("lifted_at"),  # since when somebody of this key may come in again; None: is refused
    index(None, "fingerprint"),
)

imports = table(
    "imports",
    id_column(),
    words("kind"),
    words("digest"),  # SHA-256 of the file's bytes and the mapping
    words("file_name"),
    Column("lines_done", BigInteger, nullable=False, server_default="0"),
    Column("accepted", BigInteger, nullable=False, server_default="0"),
    Column("refused", BigInteger, nullable=False, server_default="0"),
    moment("started_at", default=True),
    moment("last_at"),  # when a command last went on with it; None: no batch is in
    moment("finished_at"),
    moment("undone_at"),
    Column("made", INT8MULTIRANGE, nullable=False, server_default="{}"),  # the ids of members that were new
    one_of("kind", "members", "events"),
    index("imports_kind_digest_index", "kind", "digest", unique=True, where="undone_at IS NULL"),
)

# What an import changed of a member who was known before, by field, for taking it back.
import_changes = table(
    "import_changes",
    only_member(),
    Column("import_id", BigInteger, ForeignKey("imports.id"), primary_key=True),
    Column("before", JSONB, nullable=False),
    Column("after", JSONB, nullable=False),  # of an address or identifier its id
    index(None, "import_id"),
)

# --------------------------------------------------------------- what happened

# Facts of what a member bought; refunds and late orders restate them.
order_facts = table(
    "order_facts",
    only_member(),
    Column("orders", Integer, nullable=False),
    Column("spent", Numeric(20, 2), nullable=False),  # less what was refunded
    Column("refunded", Numeric(20, 2), nullable=False),
    moment("first_order_at"),
    moment("last_order_at"),
    Column("average_order", Numeric(20, 2)),  # of orders that were not given back whole
    Column("days_between_orders", Numeric(10, 2)),  # None: fewer than two orders
    *(Column(f"orders_{days}d", Integer, nullable=False) for days in WINDOWS),
    *(Column(f"spent_{days}d", Numeric(20, 2), nullable=False) for days in WINDOWS),
    Column("favourite_category", Text),
    Column("last_category", Text),
    Column("next_category", Text),  # what is most often bought after what this member bought last
    moment("reckoned_at", required=True),  # when this row was last another
    moment("changes_at"),  # when the first order leaves a window; None: none will
    index("order_facts_changes_index", "changes_at", where="changes_at IS NOT NULL"),
)

channel_facts = table(
    "channel_facts",
    only_member(),
    Column("channel", Text, primary_key=True),
    Column("received", Integer, nullable=False),
    Column("answered", Integer, nullable=False),  # of those: opened, clicked or replied to by a person
    moment("last_received_at"),
    moment("last_opened_at"),
    moment("last_clicked_at"),
    moment("last_replied_at"),
    Column("response_rate", Numeric(5, 4)),  # None: nothing was received
    one_of("channel", *CHANNELS),
)

# How far a table of somebody else's database has been read.
pulls = table(
    "pulls",
    Column("name", Text, primary_key=True),
    Column("cursor", JSONB),  # None: nothing was read so far
    moment("pulled_at"),
    moment("next_at"),
    Column("rows", BigInteger, nullable=False, server_default="0"),  # stored as events
    Column("refused", BigInteger, nullable=False, server_default="0"),
    Column("refusals", JSONB, nullable=False, server_default="[]"),  # the last rows that could not be used, and why
    Column("problem", JSONB),  # why the last pull ended early, without anybody's data
)

segments = table(
    "segments",
    Column("name", Text, primary_key=True),
    Column("title", JSONB, nullable=False, server_default="{}"),
    Column("condition", JSONB, nullable=False),
    words("kind", default="condition"),
    Column("keep", Boolean, nullable=False, server_default="false"),  # who enters and leaves is noted and told
    moment("updated_at", default=True),
    one_of("kind", "condition", "list", "sample"),
)

# Who is in a segment that is kept: those listed, drawn, or picked by its condition when last looked at.
segment_members = table(
    "segment_members",
    Column("segment", Text, primary_key=True),
    only_member(),
    moment("entered_at", required=True),
    Column("visit", BigInteger, Identity(), nullable=False),  # tells one stay in it from the next
    index(None, "member_id"),
)

# When the answer about a member may change by time alone.
segment_rechecks = table(
    "segment_rechecks",
    Column("segment", Text, primary_key=True),
    only_member(),
    moment("due_at", required=True),
    index(None, "due_at"),
)

# Which of several members with one address is written to at it: once per campaign and launch, or campaign and day.
address_turns = table(
    "address_turns",
    Column("campaign_id", BigInteger, ForeignKey("campaigns.id"), primary_key=True),
    Column("occasion", Text, primary_key=True),  # launch:7; journey
    Column("channel", Text, primary_key=True),
    Column("fingerprint", LargeBinary, primary_key=True),
    member_column(),
    moment("taken_at", required=True),
    one_of("channel", *CHANNELS),
    index(None, "member_id"),
)
