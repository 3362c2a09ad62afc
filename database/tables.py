"""Every table on one page: columns, keys and states.  Rows have columns and nothing else.

Moments are ``timestamptz`` in UTC and end in ``_at``; money is ``numeric`` in the
installation's one currency; a share is a fraction from 0 to 1.  Where a rule can be
said to PostgreSQL it is said here, so that no code path can break it.
"""

# isort: off
from sqlalchemy import (
    BigInteger, Boolean, CheckConstraint, Column, DateTime, ForeignKey, ForeignKeyConstraint, Identity, Index, Integer,
    LargeBinary, MetaData, Numeric, SmallInteger, Table, Text, UniqueConstraint, Uuid, func, text,
)  # fmt: skip

# isort: on
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.schema import SchemaItem
from sqlalchemy.sql.elements import TextClause

NAMING = {
    "ix": "%(table_name)s_%(column_0_N_name)s_index",
    "uq": "%(table_name)s_%(column_0_N_name)s_key",
    "ck": "%(table_name)s_%(constraint_name)s_check",
    "fk": "%(table_name)s_%(column_0_N_name)s_fkey",
    "pk": "%(table_name)s_pkey",
}
metadata = MetaData(naming_convention=NAMING)


def _id() -> Column[int]:
    return Column("id", BigInteger, Identity(), primary_key=True)


def _moment(name: str, *, default: bool = False, required: bool = False) -> Column[object]:
    now = func.now() if default else None
    return Column(name, DateTime(timezone=True), nullable=not (default or required), server_default=now)


def _member() -> Column[int]:
    return Column("member_id", BigInteger, ForeignKey("members.id"), nullable=False)


def _words(name: str, *, default: str | None = None) -> Column[str]:
    return Column(name, Text, nullable=False, server_default=default)


def _drawn_arm() -> ForeignKeyConstraint:
    columns = ["experiment_id", "member_id", "arm"]
    return ForeignKeyConstraint(columns, [f"assignments.{column}" for column in columns])


def _one_of(column: str, *values: str) -> CheckConstraint:
    listed = ", ".join(f"'{value}'" for value in values)
    return CheckConstraint(f"{column} IN ({listed})", name=f"{column}_is_known")


def _index(
    name: str | None, *columns: str | TextClause, unique: bool = False, where: str | None = None, include: str = ""
) -> Index:
    condition = text(where) if where else None
    return Index(name, *columns, unique=unique, postgresql_include=include.split(), postgresql_where=condition)


def _table(name: str, *parts: SchemaItem) -> Table:
    return Table(name, metadata, *parts)


CHANNELS = ("sms", "email", "wechat")

# ------------------------------------------------------------------ members

members = _table(
    "members",
    _id(),
    Column("key", Text, nullable=False, unique=True),  # the CRM's own id for this person
    _words("name", default=""),
    _words("language", default="zh"),
    _words("time_zone", default="Asia/Shanghai"),
    Column("tier", Text),
    Column("birth_year", SmallInteger),  # None: the year was not told
    Column("birth_month", SmallInteger),
    Column("birth_day", SmallInteger),
    _words("birth_calendar", default="solar"),  # in which month and day are counted
    Column("birth_leap_month", Boolean, nullable=False, server_default="false"),
    _moment("joined_at"),
    Column("attributes", JSONB, nullable=False, server_default="{}"),
    _moment("created_at", default=True),
    _moment("updated_at", default=True),
    _moment("erased_at"),
    _one_of("birth_calendar", "solar", "lunar"),
    _index(None, "birth_calendar", "birth_month", "birth_day", include="id"),
    _index(None, "joined_at"),
)

# One way to reach a member.  At most one per member and channel is current; an address that
# cannot be used stays on the list with its problem named.  The fingerprint is a keyed hash of
# (channel, address): suppression is kept by it and so outlives erasure of the address.
addresses = _table(
    "addresses",
    _id(),
    _member(),
    _words("channel"),
    _words("address"),
    Column("fingerprint", LargeBinary, nullable=False),
    Column("is_current", Boolean, nullable=False, server_default="true"),
    Column("problem", Text),  # None: usable
    _moment("created_at", default=True),
    _one_of("channel", *CHANNELS),
    UniqueConstraint("member_id", "channel", "fingerprint"),
    _index("addresses_current_index", "member_id", "channel", unique=True, where="is_current"),
    _index(None, "channel", "fingerprint"),
)

suppressions = _table(
    "suppressions",
    Column("channel", Text, primary_key=True),
    Column("fingerprint", LargeBinary, primary_key=True),
    _words("reason"),  # hard_bounce, complaint, unsubscribed, reply, blacklist, gone
    _words("source", default=""),
    _moment("created_at", default=True),
    _one_of("channel", *CHANNELS),
)

# Append-only; the view consent_now (see migrations) holds the latest row per key.
consents = _table(
    "consents",
    _id(),
    _member(),
    _words("channel"),
    _words("purpose"),
    Column("granted", Boolean, nullable=False),
    _words("source"),
    _words("text_version", default=""),
    Column("proof", JSONB, nullable=False, server_default="{}"),
    _moment("occurred_at", required=True),
    _moment("recorded_at", default=True),
    _one_of("channel", *CHANNELS),
    _one_of("purpose", "marketing", "service"),
    _index(
        "consents_latest_index",
        "member_id",
        "channel",
        "purpose",
        text("occurred_at DESC"),
        text("id DESC"),
        include="granted",
    ),
)

segments = _table(
    "segments",
    Column("name", Text, primary_key=True),
    Column("title", JSONB, nullable=False, server_default="{}"),
    Column("condition", JSONB, nullable=False),
    _moment("updated_at", default=True),
)

imports = _table(
    "imports",
    _id(),
    _words("kind"),
    _words("digest"),  # SHA-256 of the file's bytes and the mapping
    _words("file_name"),
    Column("lines_done", BigInteger, nullable=False, server_default="0"),
    Column("accepted", BigInteger, nullable=False, server_default="0"),
    Column("refused", BigInteger, nullable=False, server_default="0"),
    _moment("started_at", default=True),
    _moment("finished_at"),
    _one_of("kind", "members", "events"),
    UniqueConstraint("kind", "digest"),
)

api_keys = _table(
    "api_keys",
    Column("id", Text, primary_key=True),  # the public half
    _words("name"),
    Column("digest", LargeBinary, nullable=False),  # SHA-256 of the secret half
    _moment("created_at", default=True),
    _moment("revoked_at"),
)

# ------------------------------------------------------------------- events

events = _table(
    "events",
    _id(),
    _words("source"),
    _words("key"),
    _member(),
    _words("kind"),  # order.paid, member.joined, message.clicked, …
    _moment("occurred_at", required=True),
    _moment("received_at", default=True),
    Column("value", Numeric(14, 2)),  # None: this kind of event carries no amount
    Column("properties", JSONB, nullable=False, server_default="{}"),
    UniqueConstraint("source", "key"),
    _index(None, "member_id", "kind", "occurred_at"),
    _index(None, "kind", "occurred_at"),
)

# Events no trigger has looked at yet: written with the event, deleted with what it caused.
unprocessed_events = _table(
    "unprocessed_events",
    Column("event_id", BigInteger, primary_key=True),  # Written with the event itself; a foreign key would ask twice.
)

# Running totals per member and kind of event, kept in the transaction that stores the events, and so of known members.
facts = _table(
    "facts",
    Column("member_id", BigInteger, primary_key=True),
    Column("event", Text, primary_key=True),
    _moment("first_at", required=True),
    _moment("last_at", required=True),
    Column("count", Integer, nullable=False),
    Column("total", Numeric(16, 2), nullable=False, server_default="0"),
    _index(None, "event", "last_at", include="member_id"),
)

# ---------------------------------------------------------------- campaigns

template_versions = _table(
    "template_versions",
    _id(),
    _words("name"),
    Column("digest", Text, nullable=False, unique=True),
    Column("content", JSONB, nullable=False),
    _moment("created_at", default=True),
)

campaigns = _table(
    "campaigns",
    _id(),
    Column("name", Text, nullable=False, unique=True),
    Column("definition", JSONB, nullable=False),
    _words("state", default="active"),
    Column("template_version_id", BigInteger, ForeignKey("template_versions.id"), nullable=False),
    _moment("next_run_at"),  # None: nothing scheduled
    _moment("updated_at", default=True),
    _one_of("state", "active", "paused", "cancelled"),
)

# One launch of a campaign; its audience is frozen at launched_at.
launches = _table(
    "launches",
    _id(),
    Column("campaign_id", BigInteger, ForeignKey("campaigns.id"), nullable=False),
    _words("occasion"),
    _moment("launched_at", required=True),
    Column("considered", BigInteger, nullable=False, server_default="0"),
    UniqueConstraint("campaign_id", "occasion"),
)

# A draw of arms: one per campaign that holds back, one per journey version that does.
experiments = _table(
    "experiments",
    _id(),
    Column("name", Text, nullable=False, unique=True),  # campaign:NAME or journey:NAME@VERSION
    _words("salt"),
    Column("control_share", Numeric(6, 4), nullable=False),
    _moment("created_at", default=True),
    CheckConstraint("control_share >= 0 AND control_share < 1", name="share_is_a_fraction"),
)

# The decision for one member, kept for ever.
assignments = _table(
    "assignments",
    Column("experiment_id", BigInteger, ForeignKey("experiments.id"), primary_key=True),
    Column("member_id", BigInteger, ForeignKey("members.id"), primary_key=True),
    _words("arm"),
    Column("bucket", SmallInteger, nullable=False),  # 0 to 9999; below share*10000 is control
    _moment("decided_at", required=True),
    _one_of("arm", "treated", "control"),
    UniqueConstraint("experiment_id", "member_id", "arm"),
)

# ----------------------------------------------------------------- journeys

journeys = _table(
    "journeys",
    _id(),
    _words("name"),
    Column("version", Integer, nullable=False),
    Column("definition", JSONB, nullable=False),
    _words("state", default="active"),
    Column("experiment_id", BigInteger, ForeignKey("experiments.id")),  # None: no control group
    _moment("published_at", required=True),
    UniqueConstraint("name", "version"),
    _one_of("state", "active", "draining", "paused", "stopped"),
    _index("journeys_one_active_index", "name", unique=True, where="state IN ('active', 'paused')"),
)

# A daily or scheduled trigger, looked at once per occasion.
trigger_runs = _table(
    "trigger_runs",
    Column("journey_id", BigInteger, ForeignKey("journeys.id"), primary_key=True),
    Column("occasion", Text, primary_key=True),  # 2026-08-01 Asia/Shanghai
    _moment("due_at", required=True),
    _moment("run_at", default=True),
    Column("entered", Integer, nullable=False, server_default="0"),
)

enrolments = _table(
    "enrolments",
    _id(),
    Column("journey_id", BigInteger, ForeignKey("journeys.id"), nullable=False),
    _words("journey_name"),  # so that re-entry can be asked across versions
    _member(),
    _words("entry_key"),  # what lets the same cause in only once
    _words("state", default="active"),
    Column("experiment_id", BigInteger),  # None: the journey holds nobody back
    Column("arm", Text),
    _words("step"),  # where the member stands: a path such as 0, 2.0.1; empty when over
    Column("visit", Integer, nullable=False, server_default="0"),
    _moment("entered_at", required=True),
    _moment("due_at"),  # None: over, or held
    Column("waiting_for", Text),  # the kind of event that ends the wait early
    _moment("step_since", required=True),
    _moment("ended_at"),
    Column("end_reason", Text),
    Column("trigger_event_id", BigInteger, ForeignKey("events.id")),
    _one_of("state", "active", "finished", "exited", "stopped"),
    _drawn_arm(),
    CheckConstraint("(state = 'active') = (ended_at IS NULL)", name="ended_when_over"),
    UniqueConstraint("journey_name", "member_id", "entry_key"),
    _index("enrolments_due_index", "due_at", where="state = 'active'"),
    _index(
        "enrolments_waiting_index", "member_id", "waiting_for", where="state = 'active' AND waiting_for IS NOT NULL"
    ),
    _index("enrolments_member_index", "member_id", "journey_name", "entered_at"),
    _index("enrolments_journey_index", "journey_id", "state"),
)

# One visit of one enrolment to one step, and how it was left.
step_runs = _table(
    "step_runs",
    Column("enrolment_id", BigInteger, ForeignKey("enrolments.id"), primary_key=True),
    Column("visit", Integer, primary_key=True),
    _words("step"),
    _words("kind"),
    _moment("run_at", required=True),
    Column("result", Text),  # branch taken, share drawn, event that ended a wait
)

# -------------------------------------------------------------------- sends

#: What each means, and what may follow it, is told in campaigns/sends/states.py.
SEND_STATES = (
    "waiting", "claimed", "submitting", "in_doubt", "unknown", "accepted", "delivered", "failed",
    "withheld", "refused", "cancelled",
)  # fmt: skip

sends = _table(
    "sends",
    _id(),
    Column("campaign_id", BigInteger, ForeignKey("campaigns.id"), nullable=False),
    _member(),
    _words("occasion"),  # launch:7, or enrolment:12:3 (enrolment and visit)
    Column("launch_id", BigInteger, ForeignKey("launches.id")),
    Column("enrolment_id", BigInteger),  # No foreign key, as for the words below: the statement that writes them has read them.
    Column("step", Text),
    Column("channel", Text),  # None only where refused before a channel was found
    Column("address_id", BigInteger, ForeignKey("addresses.id")),
    Column("template_version_id", BigInteger, nullable=False),
    _words("purpose"),
    _words("state"),
    Column("reason", Text),  # why refused, failed or cancelled
    Column("experiment_id", BigInteger),
    Column("arm", Text),
    _moment("decided_at", required=True),  # both arms' windows open here
    _moment("not_before", required=True),
    _moment("expires_at"),
    _moment("counted_at"),  # used up a frequency cap at this moment; None: did not
    Column("parts", SmallInteger),
    Column("cost", Numeric(12, 4), nullable=False, server_default="0"),  # estimate, then the bill
    Column("provider", Text),
    Column("claims", SmallInteger, nullable=False, server_default="0"),
    Column("attempts", SmallInteger, nullable=False, server_default="0"),
    Column("token", Uuid),  # who holds it
    _moment("lease_until"),  # by the database's real clock
    _moment("state_at", default=True),
    _moment("accepted_at"),
    _moment("delivered_at"),
    _one_of("state", *SEND_STATES),
    _one_of("channel", *CHANNELS),
    # PostgreSQL itself refuses a send to a control member: the arm is the assignment's, and control is never carried.
    _drawn_arm(),
    CheckConstraint(
        "arm IS NOT DISTINCT FROM 'treated' OR state IN ('refused', 'cancelled') OR (arm = 'control' AND state = 'withheld')",
        name="control_is_withheld",
    ),
    CheckConstraint("(experiment_id IS NULL) = (arm IS NULL)", name="arm_has_its_experiment"),
    CheckConstraint("state <> 'refused' OR reason IS NOT NULL", name="refusal_has_its_reason"),
    UniqueConstraint("campaign_id", "member_id", "occasion"),
    _index("sends_waiting_index", "channel", "not_before", where="state = 'waiting'"),
    _index("sends_leased_index", "lease_until", where="state IN ('claimed', 'submitting', 'in_doubt')"),
    _index("sends_member_index", "member_id", "counted_at"),
    _index("sends_enrolment_index", "enrolment_id", where="enrolment_id IS NOT NULL"),
)

# One hand-over to a provider, written before the call.
attempts = _table(
    "attempts",
    Column("send_id", BigInteger, ForeignKey("sends.id"), primary_key=True),
    Column("number", SmallInteger, primary_key=True),
    _words("provider"),
    _moment("marked_at", required=True),
    Column("outcome", Text),  # None: no answer has been recorded
    Column("code", Text),  # the provider's own, for people
    Column("provider_ref", Text),
    _moment("ended_at"),
    Column("looks", SmallInteger, nullable=False, server_default="0"),  # times the provider knew nothing of it
    _one_of("outcome", "accepted", "not_sent", "rejected", "unknown"),
    _index("attempts_provider_ref_index", "provider", "provider_ref", where="provider_ref IS NOT NULL"),
)

# A delivery report as it came, stored once; applied later.
receipts = _table(
    "receipts",
    _id(),
    _words("provider"),
    _words("key"),
    Column("send_id", BigInteger),  # from our reference, where the report carried one
    Column("provider_ref", Text),
    _words("status"),
    Column("code", Text),
    _moment("occurred_at"),
    _moment("received_at", default=True),
    _moment("applied_at"),
    _moment("try_at", default=True),  # by the real clock; later each time no send fits
    Column("raw", JSONB, nullable=False, server_default="{}"),
    _one_of("status", "accepted", "delivered", "failed", "bounced", "complained"),
    UniqueConstraint("provider", "key"),
    _index("receipts_unapplied_index", "try_at", where="applied_at IS NULL"),
)

# ------------------------------------------------------------------ reports

# An event credited to a send inside its window, by one rule for both arms.
responses = _table(
    "responses",
    Column("send_id", BigInteger, ForeignKey("sends.id"), primary_key=True),
    Column("event_id", BigInteger, ForeignKey("events.id"), primary_key=True),
    Column("value", Numeric(14, 2)),
    _moment("occurred_at", required=True),
)

simulated_clock = _table(
    "simulated_clock",
    Column("one", Boolean, primary_key=True, server_default="true"),
    _moment("now_at"),  # None: the database's own clock
    CheckConstraint("one", name="one_row"),
)
