"""Every table and what it holds of members: whose its rows are, what erasing does, what stays and why.

A test compares this page with the tables: a new table, or a new column of words, that is not
declared here fails it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

OF_MEMBER = "member_id = ANY(:ids)"
_SENDS = "SELECT id FROM sends WHERE member_id = ANY(:ids)"
_ADDRESSES = "SELECT channel, fingerprint FROM addresses WHERE member_id = ANY(:ids)"
#: That an address is nobody else's now; what is known of a shared one is the other's too.
NOT_SHARED = """NOT EXISTS (SELECT FROM addresses other JOIN members m ON m.id = other.member_id
    WHERE other.channel = {table}.channel AND other.fingerprint = {table}.fingerprint AND other.is_current
      AND other.member_id <> ALL(:ids) AND m.erased_at IS NULL)"""
#: Nobody can guess it, so that no file brings in a key of its own which an erasure would then need.
_ANONYMOUS = "'erased:' || id || ':' || gen_random_uuid()"


@dataclass(frozen=True, kw_only=True)
class Held:
    """A table with rows that are somebody's."""

    whose: str = OF_MEMBER  #: which rows are those of the members :ids
    goes: bool = False  #: erasing deletes the rows
    unless: str = ""  #: rows that are another's too, and stay
    blanked: Mapping[str, str] = field(default_factory=dict)  #: what erasing writes over them, by column
    stays: Mapping[str, str] = field(default_factory=dict)  #: columns of words that stay, and why
    once: bool = False  #: is cleared when somebody is erased and not again: what came since is of others
    told: bool = True  #: is handed out to the member; False: says nothing beyond what other tables say


@dataclass(frozen=True, kw_only=True)
class Free:
    """A table that holds nothing of any member."""

    holds: str
    words: tuple[str, ...] = ()  #: its columns of words


_KIND = "a word of ours, the same for everybody"
_COUNTED = "reports count by it"
_GOES = Held(goes=True)

#: In the order in which rows are erased: what is found through another table comes before it.
HELD: Mapping[str, Held] = {
    "receipts": Held(
        whose=f"id IN (SELECT r.id FROM receipts r WHERE r.send_id IN ({_SENDS}) UNION ALL "  # noqa: S608
        "SELECT r.id FROM receipts r JOIN attempts a ON a.provider = r.provider AND a.provider_ref = r.provider_ref "
        f"WHERE r.send_id IS NULL AND a.send_id IN ({_SENDS}))",
        blanked={"raw": "'{}'", "code": "NULL", "key": _ANONYMOUS},
        stays={"provider": _KIND, "status": _COUNTED, "provider_ref": "finds the send that a late report is about"},
    ),
    "attempts": Held(
        whose=f"send_id IN ({_SENDS})",
        blanked={"code": "NULL"},
        stays={
            "provider": _KIND, "outcome": _COUNTED, "permission": "the provider's id of a template",
            "provider_ref": "finds the send that a late report is about, which is then cleared too",
        },
    ),
    "responses": Held(whose=f"send_id IN ({_SENDS})", told=False),
    "step_runs": Held(
        whose="enrolment_id IN (SELECT id FROM enrolments WHERE member_id = ANY(:ids))",
        stays={"step": _COUNTED, "kind": _KIND, "result": "the name of a branch, a share or a kind of event"},
    ),
    "sends": Held(
        stays={
            "occasion": "numbers a launch or a visit", "step": _COUNTED, "channel": _COUNTED, "purpose": _KIND,
            "state": _COUNTED, "reason": _COUNTED, "then_channels": _KIND, "left_channels": _KIND, "arm": _COUNTED,
            "provider": _KIND, "unconfirmed": "numbers hand-overs",
        },
    ),
    "enrolments": Held(
        stays={
            "journey_name": _COUNTED, "entry_key": "numbers an event or names a day", "state": _COUNTED, "arm": _COUNTED,
            "step": _COUNTED, "waiting_for": _KIND, "end_reason": _COUNTED,
        },
    ),
    "assignments": Held(stays={"arm": "both arms are counted as they were drawn"}),
    "unprocessed_events": Held(
        whose="event_id IN (SELECT id FROM events WHERE member_id = ANY(:ids))", goes=True, told=False
    ),
    "events": Held(
        blanked={"key": _ANONYMOUS, "properties": "'{}'"},
        stays={"source": "names a system, not a person", "kind": _COUNTED},
    ),
    "facts": Held(stays={"event": _KIND}),
    "consents": Held(
        blanked={"proof": "'{}'", "proof_digest": "coalesce(proof_digest, sha256(convert_to(proof::text, 'UTF8')))"},
        stays=dict.fromkeys(
            ("channel", "purpose", "source", "text_version"),
            "the chain over the log covers it; it says where and to what a yes or no was given, not by whom",
        ),
    ),
    "unlinked_consents": Held(
        whose="consent_id IN (SELECT id FROM consents WHERE member_id = ANY(:ids))", told=False
    ),
    "suppressions": Held(
        whose=f"(channel, fingerprint) IN ({_ADDRESSES})",
        stays={
            "channel": _KIND, "fingerprint": "a keyed hash, by which a stop outlives the address", "reason": _KIND,
            "source": "names a system, not a person",
        },
    ),
    "permissions": Held(
        whose=f"(channel, fingerprint) IN ({_ADDRESSES})", goes=True, unless=NOT_SHARED.format(table="permissions")
    ),
    "addresses": Held(
        blanked={
            "address": "''", "fingerprint": "sha256(convert_to('erased:' || id, 'UTF8'))", "is_current": "false",
            "problem": "'erased'",
        },
        stays={"channel": _COUNTED},
    ),
    "identifiers": _GOES,
    "merges": Held(
        whose="kept_id = ANY(:ids) OR gone_id = ANY(:ids)",
        blanked={"moved": "'{}'"},
        stays={"matched_by": _KIND, "decided_by": "whoever decided, not the member"},
    ),
    "merge_conflicts": Held(whose="first_id = ANY(:ids) OR second_id = ANY(:ids)", goes=True),
    "import_changes": _GOES,
    "order_facts": _GOES,
    "channel_facts": _GOES,
    "segment_members": _GOES,
    "segment_rechecks": Held(goes=True, told=False),
    "address_turns": Held(goes=True, told=False),
    "member_tiers": _GOES,
    "points": Held(
        blanked={"key": _ANONYMOUS},
        stays={"kind": "balances of the whole programme close", "rule": _KIND, "source": "names a system, not a person"},
    ),
    "coupons": Held(
        stays={
            "pool": "what redemptions cost is counted", "code": "belongs to a pool and names nobody",
            "occasion": "numbers a send, so that nobody is issued a second code",
        },
    ),
    "rfm_scores": _GOES,
    "predictions": _GOES,
    "member_clusters": _GOES,
    "member_places": _GOES,
    "survey_answers": Held(
        blanked={"comment": "''"}, stays={"survey": _COUNTED, "occasion": "numbers a send"}
    ),
    "pulls": Held(
        whose="refusals <> '[]'", blanked={"refusals": "'[]'"}, told=False, once=True,
        stays={"name": "names a system, not a person", "cursor": "how far it was read", "problem": "why a pull ended, without data"},
    ),
    "touched_members": Held(goes=True, told=False),
    "members": Held(
        whose="id = ANY(:ids)",
        blanked={
            "key": _ANONYMOUS, "name": "''", "language": "'zh'", "time_zone": "'Asia/Shanghai'", "tier": "NULL",
            "birth_year": "NULL", "birth_month": "NULL", "birth_day": "NULL", "birth_calendar": "'solar'",
            "birth_leap_month": "false", "joined_at": "NULL", "attributes": "'{}'",
        },
        stays={
            "id": "ties the totals of reports together", "created_at": "when a row was made, by us",
            "updated_at": "when it was changed, by us", "erased_at": "that it was erased",
            "merged_into": "which rows were one",
        },
    ),
    "erasures": Held(
        stays={"fingerprint": "a keyed hash of the key, by which somebody erased is not taken in again",
               "reason": "the operator's words about the wish, never about the person"},
    ),
}  # fmt: skip

_DEFINED = "what the team wrote"

FREE: Mapping[str, Free] = {
    "accounts": Free(holds="how providers' accounts stand", words=("name",)),
    "access_tokens": Free(holds="tokens of providers' accounts, sealed", words=("account", "sealed")),
    "api_keys": Free(holds="keys of other systems", words=("id", "name", "digest")),
    "bought_together": Free(holds="what is bought together, over everybody", words=("relation", "item", "other")),
    "campaigns": Free(holds=_DEFINED, words=("name", "definition", "state")),
    "consent_links": Free(holds="digests over the consent log", words=("digest",)),
    "definitions": Free(holds=_DEFINED, words=("kind", "name", "definition")),
    "experiments": Free(holds="draws of arms", words=("name", "salt")),
    "fits": Free(holds="what models learnt over everybody", words=("kind", "name", "parameters")),
    "imports": Free(holds="which files came in, by their digests", words=("kind", "digest", "file_name")),
    "journeys": Free(holds=_DEFINED, words=("name", "definition", "state")),
    "launches": Free(holds="when campaigns were launched", words=("occasion",)),
    "segments": Free(holds=_DEFINED, words=("name", "kind", "title", "condition")),
    "simulated_clock": Free(holds="a clock"),
    "stores": Free(holds="shops", words=("key", "name")),
    "template_versions": Free(holds=_DEFINED, words=("name", "digest", "content")),
    "trigger_runs": Free(holds="which days were looked at", words=("occasion",)),
    "upkeep": Free(holds="how far chores have come", words=("kind",)),
}
