"""The tables of the road on one page: columns, keys and states.  Rows have columns and nothing else.

Moments are ``timestamptz`` in UTC and end in ``_at``; money is ``numeric`` in the
installation's one currency; a share is a fraction from 0 to 1.  Where a rule can be
said to PostgreSQL it is said here, so that no code path can break it.
"""

# isort: off
from sqlalchemy import (
    BigInteger, Boolean, CheckConstraint, Column, Date, ForeignKey, Index, Integer, Interval, LargeBinary, Numeric,
    SmallInteger, Text, UniqueConstraint, Uuid, text,
)  # fmt: skip

# isort: on
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from database.columns import CHANNELS, drawn_arm, id_column, index, member_column, moment, one_of, table, words
from database.columns import metadata as metadata

# ------------------------------------------------------------------ members

members = table(
    "members",
    id_column(),
    Column("key", Text, nullable=False, unique=True),  # the CRM's own id for this person
    words("name", default=""),
    words("language", default="zh"),
    words("time_zone", default="Asia/Shanghai"),
    Column("tier", Text),
    Column("birth_year", SmallInteger),  # None: the year was not told
    Column("birth_month", SmallInteger),
    Column("birth_day", SmallInteger),
    words("birth_calendar", default="solar"),  # in which month and day are counted
    Column("birth_leap_month", Boolean, nullable=False, server_default="false"),
    moment("joined_at"),
    Column("attributes", JSONB, nullable=False, server_default="{}"),
    moment("created_at", default=True),
    moment("updated_at", default=True),
    moment("erased_at"),
    Column("merged_into", BigInteger),  # the row that this one's person has now; None: itself
    one_of("birth_calendar", "solar", "lunar"),
    index(None, "birth_calendar", "birth_month", "birth_day", include="id"),
    index(None, "joined_at"),
    index(None, "merged_into", where="merged_into IS NOT NULL"),
)

# One way to reach a member.  At most one per member and channel is current; an address that
# cannot be used stays on the list with its problem named.  The fingerprint is a keyed hash of
# (channel, address): suppression is kept by it and so outlives erasure of the address.
addresses = table(
    "addresses",
    id_column(),
    member_column(),
    words("channel"),
    words("address"),
    Column("fingerprint", LargeBinary, nullable=False),
    Column("is_current", Boolean, nullable=False, server_default="true"),
    Column("problem", Text),  # None: usable
    moment("created_at", default=True),
    one_of("channel", *CHANNELS),
    UniqueConstraint("member_id", "channel", "fingerprint"),
    index("addresses_current_index", "member_id", "channel", unique=True, where="is_current"),
    index(None, "channel", "fingerprint"),
)

suppressions = table(
    "suppressions",
    Column("channel", Text, primary_key=True),
    Column("fingerprint", LargeBinary, primary_key=True),
    words("reason"),  # hard_bounce, complaint, unsubscribed, reply, blacklist, gone, erased
    words("source", default=""),
    moment("created_at", default=True),
    one_of("channel", *CHANNELS),
)

# Append-only: what a member told a provider about messages of one of its templates.
permissions = table(
    "permissions",
    id_column(),
    words("provider"),
    words("key"),  # the same word pushed twice has the same key
    words("channel"),
    Column("fingerprint", LargeBinary, nullable=False),
    words("template_code"),  # the provider's own id of the template
    words("kind"),
    moment("occurred_at", required=True),
    moment("received_at", default=True),
    one_of("channel", *CHANNELS),
    one_of("kind", "given", "declined", "withdrawn"),
    UniqueConstraint("provider", "key"),
    index(None, "channel", "fingerprint", "template_code"),
)

LATEST = ("member_id", "channel", "purpose", text("occurred_at DESC"), text("id DESC"))

# Append-only; the view consent_now (see migrations) holds the latest row per key.
consents = table(
    "consents",
    id_column(),
    member_column(),
    words("channel"),
    words("purpose"),
    Column("granted", Boolean, nullable=False),
    words("source"),
    words("text_version", default=""),
    Column("proof", JSONB, nullable=False, server_default="{}"),
    Column("proof_digest", LargeBinary),  # SHA-256 of the proof, which outlives its erasure; None: before the log was chained
    moment("occurred_at", required=True),
    moment("recorded_at", default=True),
    one_of("channel", *CHANNELS),
    one_of("purpose", "marketing", "service"),
    index("consents_latest_index", *LATEST, include="granted"),
)

api_keys = table(
    "api_keys",
    Column("id", Text, primary_key=True),  # the public half
    words("name"),
    Column("digest", LargeBinary, nullable=False),  # SHA-256 of the secret half
    moment("created_at", default=True),
    moment("revoked_at"),
)

# ------------------------------------------------------------------- events

events = table(
    "events",
    id_column(),
    words("source"),
    words("key"),
    member_column(),
    words("kind"),  # order.paid, member.joined, message.clicked, …
    moment("occurred_at", required=True),
    moment("received_at", default=True),
    Column("value", Numeric(14, 2)),  # None: this kind of event carries no amount
    Column("properties", JSONB, nullable=False, server_default="{}"),
    UniqueConstraint("source", "key"),
    index(None, "member_id", "kind", "occurred_at"),
    index(None, "kind", "occurred_at", include="member_id value"),  # counts within days are read from it alone
)

# Events no trigger has looked at yet: written with the event, deleted with what it caused.
unprocessed_events = table(
    "unprocessed_events",
    Column("event_id", BigInteger, primary_key=True),  # Written with the event itself; a foreign key would ask twice.
)

# Running totals per member and kind of event, kept in the transaction that stores the events, and so of known members.
facts = table(
    "facts",
    Column("member_id", BigInteger, primary_key=True),
    Column("event", Text, primary_key=True),
    moment("first_at", required=True),
    moment("last_at", required=True),
    Column("count", Integer, nullable=False),
    Column("total", Numeric(16, 2), nullable=False, server_default="0"),
    index(None, "event", "last_at", include="member_id"),
)

# ---------------------------------------------------------------- campaigns

template_versions = table(
    "template_versions",
    id_column(),
    words("name"),
    Column("digest", Text, nullable=False, unique=True),
    Column("content", JSONB, nullable=False),
    moment("created_at", default=True),
)

campaigns = table(
    "campaigns",
    id_column(),
    Column("name", Text, nullable=False, unique=True),
    Column("definition", JSONB, nullable=False),
    words("state", default="active"),
    Column("template_version_id", BigInteger, ForeignKey("template_versions.id"), nullable=False),
    moment("next_run_at"),  # None: nothing scheduled
    moment("updated_at", default=True),
    one_of("state", "active", "paused", "cancelled"),
)

# One launch of a campaign; its audience is frozen at launched_at.
launches = table(
    "launches",
    id_column(),
    Column("campaign_id", BigInteger, ForeignKey("campaigns.id"), nullable=False),
    words("occasion"),
    moment("launched_at", required=True),
    Column("considered", BigInteger, nullable=False, server_default="0"),
    UniqueConstraint("campaign_id", "occasion"),
)

# A draw of arms: one per campaign that holds back, one per journey version that does.
experiments = table(
    "experiments",
    id_column(),
    Column("name", Text, nullable=False, unique=True),  # campaign:NAME or journey:NAME@VERSION
    words("salt"),
    Column("control_share", Numeric(6, 4), nullable=False),
    moment("created_at", default=True),
    CheckConstraint("control_share >= 0 AND control_share < 1", name="share_is_a_fraction"),
)

# The decision for one member, kept for ever.
assignments = table(
    "assignments",
    Column("experiment_id", BigInteger, ForeignKey("experiments.id"), primary_key=True),
    Column("member_id", BigInteger, ForeignKey("members.id"), primary_key=True),
    words("arm"),
    Column("bucket", SmallInteger, nullable=False),  # 0 to 9999; below share*10000 is control
    moment("decided_at", required=True),
    one_of("arm", "treated", "control"),
    UniqueConstraint("experiment_id", "member_id", "arm"),
)

# ----------------------------------------------------------------- journeys

journeys = table(
    "journeys",
    id_column(),
    words("name"),
    Column("version", Integer, nullable=False),
    Column("definition", JSONB, nullable=False),
    words("state", default="active"),
    Column("experiment_id", BigInteger, ForeignKey("experiments.id")),  # None: no control group
    moment("published_at", required=True),
    UniqueConstraint("name", "version"),
    one_of("state", "active", "draining", "paused", "stopped"),
    index("journeys_one_active_index", "name", unique=True, where="state IN ('active', 'paused')"),
)

# A daily or scheduled trigger, looked at once per occasion.
trigger_runs = table(
    "trigger_runs",
    Column("journey_id", BigInteger, ForeignKey("journeys.id"), primary_key=True),
    Column("occasion", Text, primary_key=True),  # 2026-08-01 Asia/Shanghai
    moment("due_at", required=True),
    moment("run_at", default=True),
    Column("entered", Integer, nullable=False, server_default="0"),
)

enrolments = table(
    "enrolments",
    id_column(),
    Column("journey_id", BigInteger, ForeignKey("journeys.id"), nullable=False),
    words("journey_name"),  # so that re-entry can be asked across versions
    member_column(),
    words("entry_key"),  # what lets the same cause in only once
    words("state", default="active"),
    Column("experiment_id", BigInteger),  # None: the journey holds nobody back
    Column("arm", Text),
    words("step"),  # where the member stands: a path such as 0, 2.0.1; empty when over
    Column("visit", Integer, nullable=False, server_default="0"),
    moment("entered_at", required=True),
    moment("due_at"),  # None: over, or held
    Column("waiting_for", Text),  # the kind of event that ends the wait early
    moment("step_since", required=True),
    moment("ended_at"),
    Column("end_reason", Text),
    Column("trigger_event_id", BigInteger, ForeignKey("events.id")),
    one_of("state", "active", "finished", "exited", "stopped"),
    drawn_arm(),
    CheckConstraint("(state = 'active') = (ended_at IS NULL)", name="ended_when_over"),
    UniqueConstraint("journey_name", "member_id", "entry_key"),
    index("enrolments_due_index", "due_at", where="state = 'active'"),
    index(
        "enrolments_waiting_index", "member_id", "waiting_for", where="state = 'active' AND waiting_for IS NOT NULL"
    ),
    index("enrolments_member_index", "member_id", "journey_name", "entered_at"),
    index("enrolments_journey_index", "journey_id", "state"),
)

# One visit of one enrolment to one step, and how it was left.
step_runs = table(
    "step_runs",
    Column("enrolment_id", BigInteger, ForeignKey("enrolments.id"), primary_key=True),
    Column("visit", Integer, primary_key=True),
    words("step"),
    words("kind"),
    moment("run_at", required=True),
    Column("result", Text),  # branch taken, share drawn, event that ended a wait
)

# -------------------------------------------------------------------- sends

#: What each means, and what may follow it, is told in campaigns/sends/states.py.
SEND_STATES = (
    "waiting", "claimed", "submitting", "in_doubt", "unknown", "accepted", "delivered", "failed",
    "withheld", "refused", "cancelled",
)  # fmt: skip

sends = table(
    "sends",
    id_column(),
    Column("campaign_id", BigInteger, ForeignKey("campaigns.id"), nullable=False),
    member_column(),
    words("occasion"),  # launch:7, or enrolment:12:3 (enrolment and visit)
    Column("launch_id", BigInteger, ForeignKey("launches.id")),
    Column("enrolment_id", BigInteger),  # No foreign key, as for the words below: the statement that writes them has read them.
    Column("step", Text),
    Column("channel", Text),  # None only where refused before a channel was found
    Column("address_id", BigInteger, ForeignKey("addresses.id")),
    Column("template_version_id", BigInteger, nullable=False),
    words("purpose"),
    words("state"),
    Column("reason", Text),  # why refused, failed or cancelled
    Column("then_channels", ARRAY(Text)),  # where it may fall back to, in order; None: to none, or no more
    Column("confirm_within", Interval),  # how long after acceptance a delivery is awaited before it falls back; None: for ever
    moment("confirm_by"),
    Column("left_channels", ARRAY(Text)),  # those it fell back from, each with why: wechat:member_refused; None: none
    Column("unconfirmed", ARRAY(SmallInteger)),  # hand-overs on those that were accepted and of which no more was heard
    Column("experiment_id", BigInteger),
    Column("arm", Text),
    moment("decided_at", required=True),  # both arms' windows open here
    moment("not_before", required=True),
    moment("expires_at"),
    moment("counted_at"),  # used up a frequency cap at this moment; None: did not
    Column("parts", SmallInteger),
    Column("cost", Numeric(12, 4), nullable=False, server_default="0"),  # estimate, then the bill; with what was spent before
    Column("spent", Numeric(12, 4), nullable=False, server_default="0"),  # the bill of the channels it left
    Column("provider", Text),  # the name of the account that carries it
    Column("claims", SmallInteger, nullable=False, server_default="0"),
    Column("attempts", SmallInteger, nullable=False, server_default="0"),
    Column("earlier_attempts", SmallInteger, nullable=False, server_default="0"),  # of those, on the channels it left
    Column("token", Uuid),  # who holds it
    moment("lease_until"),  # by the database's real clock
    moment("state_at", default=True),
    moment("accepted_at"),
    moment("delivered_at"),
    one_of("state", *SEND_STATES),
    one_of("channel", *CHANNELS),
    # PostgreSQL itself refuses a send to a control member: the arm is the assignment's, and control is never carried.
    drawn_arm(),
    CheckConstraint(
        "arm IS NOT DISTINCT FROM 'treated' OR state IN ('refused', 'cancelled') OR (arm = 'control' AND state = 'withheld')",
        name="control_is_withheld",
    ),
    CheckConstraint("(experiment_id IS NULL) = (arm IS NULL)", name="arm_has_its_experiment"),
    CheckConstraint("state <> 'refused' OR reason IS NOT NULL", name="refusal_has_its_reason"),
    UniqueConstraint("campaign_id", "member_id", "occasion"),
    index("sends_waiting_index", "channel", "not_before", where="state = 'waiting'"),
    index("sends_leased_index", "lease_until", where="state IN ('claimed', 'submitting', 'in_doubt')"),
    index("sends_fallback_index", "id", where="then_channels IS NOT NULL AND state IN ('failed', 'refused', 'cancelled')"),
    index("sends_stuck_index", "channel", "not_before", where="state = 'waiting' AND then_channels IS NOT NULL AND unconfirmed IS NULL"),
    index("sends_unconfirmed_index", "confirm_by", where="confirm_by IS NOT NULL AND state = 'accepted'"),
    index("sends_member_index", "member_id", "counted_at"),
    index("sends_enrolment_index", "enrolment_id", where="enrolment_id IS NOT NULL"),
)

# One hand-over to a provider, written before the call.
attempts = table(
    "attempts",
    Column("send_id", BigInteger, ForeignKey("sends.id"), primary_key=True),
    Column("number", SmallInteger, primary_key=True),
    words("provider"),
    Column("address_id", BigInteger),  # Where it went; no foreign key, as above.  None: before addresses were noted here
    moment("marked_at", required=True),
    Column("outcome", Text),  # None: no answer has been recorded
    Column("code", Text),  # the provider's own, for people
    Column("provider_ref", Text),
    moment("ended_at"),
    Column("looks", SmallInteger, nullable=False, server_default="0"),  # times the provider was asked and knew nothing, or nothing yet
    Column("permission", Text),  # the provider's template of which it uses up one yes; None: it needs none
    one_of("outcome", "accepted", "not_sent", "rejected", "unknown"),
    index("attempts_provider_ref_index", "provider", "provider_ref", where="provider_ref IS NOT NULL"),
    Index("attempts_marked_at_index", "marked_at", postgresql_using="brin", postgresql_with={"autosummarize": True}),
)

# How each account that carries a channel stands, for all workers together; what it may do stands in the settings.
accounts = table(
    "accounts",
    Column("name", Text, primary_key=True),  # its provider's name, and its own where it has one
    Column("share", SmallInteger, nullable=False, server_default="100"),  # percent of its weight that it is trusted with
    moment("shared_at"),  # when that was last changed
    Column("trips", SmallInteger, nullable=False, server_default="0"),  # times its breaker opened in a row; 0: closed
    moment("open_until"),  # nothing is handed over before this moment of the real clock
    moment("paced_to"),  # the pace is used up to here
    Column("quota_day", Date),  # the day that ``used`` counts
    Column("used", Integer, nullable=False, server_default="0"),
    CheckConstraint("share BETWEEN 0 AND 100", name="share_is_a_percentage"),
)

# A delivery report as it came, stored once; applied later.
receipts = table(
    "receipts",
    id_column(),
    words("provider"),
    words("key"),
    Column("send_id", BigInteger),  # from our reference, where the report carried one
    Column("attempt", SmallInteger),  # the hand-over it speaks of; None: not found so far
    Column("provider_ref", Text),
    words("status"),
    Column("code", Text),
    moment("occurred_at"),
    moment("received_at", default=True),
    moment("applied_at"),
    moment("try_at", default=True),  # by the real clock; later each time no send fits
    Column("raw", JSONB, nullable=False, server_default="{}"),
    one_of("status", "accepted", "delivered", "failed", "bounced", "complained"),
    UniqueConstraint("provider", "key"),
    index("receipts_unapplied_index", "try_at", where="applied_at IS NULL"),
    index("receipts_send_index", "send_id", where="send_id IS NOT NULL"),
    index("receipts_no_send_index", "provider", "provider_ref", where="send_id IS NULL"),
)

# ------------------------------------------------------------------ reports

# An event credited to a send inside its window, by one rule for both arms.
responses = table(
    "responses",
    Column("send_id", BigInteger, ForeignKey("sends.id"), primary_key=True),
    Column("event_id", BigInteger, ForeignKey("events.id"), primary_key=True),
    Column("value", Numeric(14, 2)),
    moment("occurred_at", required=True),
)

simulated_clock = table(
    "simulated_clock",
    Column("one", Boolean, primary_key=True, server_default="true"),
    moment("now_at"),  # None: the database's own clock
    CheckConstraint("one", name="one_row"),
)

# What lets the processes of an installation use one token of a provider's account, sealed with the installation's secret.
access_tokens = table(
    "access_tokens",
    Column("account", Text, primary_key=True),
    Column("sealed", LargeBinary, nullable=False),
    moment("updated_at", default=True),
)
