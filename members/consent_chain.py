"""The chain over the consent log: whoever changes, removes, adds or moves a row of it is found.

Every consent is announced with itself (``unlinked_consents``); linking takes what is announced,
in batches, and writes for each a link whose digest is SHA-256 of the digest before it and of its rows::

    digest = SHA-256(digest of the link before, or 32 zero bytes ‖ the rows as text, by id, a line feed between)

A row's text is a JSON array of all its columns, the proof as its digest: a proof may be erased, its
digest stays.  Linking waits for nobody and nobody who records a consent waits for it.
"""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import Connection, Row, text

from database.engine import Database
from language.problems import Problem

LINKING = 7_205_759_404  #: the advisory lock under which one process at a time adds links
MOST_ROWS = 10_000  #: rows of one link, so that checking one needs little room
BEGINNING = bytes(32)
AT_ONCE = 4  #: links read ahead while checking
MOST_NAMED = 20  #: of each kind of flaw

_MOMENT = """to_char({} AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US')"""
_CONTENT = f"""string_agg(jsonb_build_array(
    c.id, c.member_id, c.channel, c.purpose, c.granted, c.source, c.text_version,
    encode(coalesce(c.proof_digest, sha256(convert_to(c.proof::text, 'UTF8'))), 'hex'),
    {_MOMENT.format("c.occurred_at")}, {_MOMENT.format("c.recorded_at")}
)::text, E'\\n' ORDER BY c.id)"""

_TAKE = f"""
SELECT {_CONTENT} AS content, array_agg(c.id ORDER BY c.id) AS ids,
       (SELECT digest FROM consent_links ORDER BY id DESC LIMIT 1) AS before
FROM consents c WHERE c.id = ANY(ARRAY(
    SELECT consent_id FROM unlinked_consents JOIN consents ON consents.id = consent_id ORDER BY consent_id LIMIT :most))
"""  # noqa: S608

_LINK = """
WITH taken AS (DELETE FROM unlinked_consents WHERE consent_id = ANY(:ids) RETURNING consent_id)
INSERT INTO consent_links (consent_ids, digest, linked_at)
SELECT range_agg(int8range(consent_id, consent_id + 1)), :digest, :now FROM taken
"""

_LINKS = f"""
SELECT l.id, l.digest, l.linked_at, lower(l.consent_ids) AS first, upper(l.consent_ids) - 1 AS last,
       rows.content, rows.found, (SELECT sum(upper(span) - lower(span)) FROM unnest(l.consent_ids) AS span) AS expected
FROM consent_links l CROSS JOIN LATERAL (
    SELECT {_CONTENT} AS content, count(*) AS found FROM unnest(l.consent_ids) AS span
    JOIN consents c ON c.id >= lower(span) AND c.id < upper(span)
) AS rows ORDER BY l.id
"""  # noqa: S608

_FLAWS: Mapping[str, str] = {
    "consent {id} was removed": """
        SELECT told.id FROM (
            SELECT generate_series(lower(span), upper(span) - 1) AS id FROM consent_links, unnest(consent_ids) AS span
            UNION ALL SELECT consent_id FROM unlinked_consents
        ) AS told LEFT JOIN consents ON consents.id = told.id WHERE consents.id IS NULL ORDER BY 1""",
    "consent {id} was added past the chain": """
        WITH linked AS (SELECT coalesce(range_agg(consent_ids), '{}') AS ids FROM consent_links)
        SELECT consents.id FROM consents, linked WHERE NOT consents.id <@ linked.ids
        AND NOT EXISTS (SELECT FROM unlinked_consents WHERE consent_id = consents.id) ORDER BY 1""",
    "the proof of consent {id} was changed": """
        SELECT c.id FROM consents c JOIN members ON members.id = c.member_id
        WHERE c.proof_digest <> sha256(convert_to(c.proof::text, 'UTF8'))
          AND (c.proof <> '{}' OR members.erased_at IS NULL) ORDER BY 1""",
}


@dataclass(frozen=True, kw_only=True)
class Chain:
    """What was seen of the chain."""

    links: int = 0
    consents: int = 0  #: rows that stand in links
    waiting: int = 0  #: announced rows that no link holds yet
    head: str = ""  #: the last digest; whoever notes it elsewhere can see that nothing before it was written anew
    holds_head: bool = True  #: the digest that was asked for is in the chain
    flaws: tuple[Problem, ...] = field(default_factory=tuple)

    @property
    def is_whole(self) -> bool:
        return not self.flaws and self.holds_head


def link_consents(connection: Connection, *, now: datetime, most: int = MOST_ROWS) -> int:
    """Add one link with what is announced, up to ``most`` rows; return how many rows it holds, 0 where none waits."""
    connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": LINKING})
    taken = connection.execute(text(_TAKE), {"most": most}).one()
    if not taken.ids:
        return 0
    digest = _digest(taken.before, taken.content)
    connection.execute(text(_LINK), {"ids": taken.ids, "digest": digest, "now": now})
    return len(taken.ids)


def link_all_consents(connection: Connection, *, now: datetime) -> int:
    """Add links until nothing waits; return how many rows they hold."""
    done = 0
    while linked := link_consents(connection, now=now):
        done += linked
    return done


def link_waiting_consents(connection: Connection, *, now: datetime) -> None:
    """Link whatever waits: the chore that keeps the chain up."""
    link_all_consents(connection, now=now)


def check_chain(database: Database, *, noted: str | None = None) -> Chain:
    """Check every link and row, reading a few links at a time; ``noted`` is a digest that must be among them.

    What is looked at is the log as it is at one moment; those who write meanwhile are not kept waiting.
    """
    with database.engine.connect().execution_options(isolation_level="REPEATABLE READ") as connection:
        flaws: list[Problem] = []
        links = consents = 0
        before, seen = BEGINNING, noted is None
        for link in _links(connection):
            links, consents = links + 1, consents + link.found
            if _digest(before, link.content) != bytes(link.digest):
                flaws.append(_broken(link))
            before = bytes(link.digest)
            seen = seen or before.hex() == noted
        flaws = [*flaws[:MOST_NAMED], *_other_flaws(connection)]
        waiting = connection.execute(text("SELECT count(*) FROM unlinked_consents")).scalar_one()
    return Chain(
        links=links, consents=consents, waiting=waiting, head=before.hex() if links else "", holds_head=seen,
        flaws=tuple(flaws),
    )  # fmt: skip


def _links(connection: Connection) -> Iterator[Row[tuple[object, ...]]]:
    yield from connection.execution_options(yield_per=AT_ONCE).execute(text(_LINKS))


def _digest(before: bytes | None, content: str | None) -> bytes:
    return hashlib.sha256(bytes(before or BEGINNING) + (content or "").encode()).digest()


def _broken(link: Row[tuple[object, ...]]) -> Problem:
    return Problem(
        sentence=(
            "link {link} of {moment} does not hold: one of the consents {first} to {last}, or the link before it, "
            "was changed, removed or moved"
        ),
        values={"link": link.id, "moment": f"{link.linked_at:%Y-%m-%d %H:%M}Z", "first": link.first, "last": link.last},
    )


def _other_flaws(connection: Connection) -> Iterator[Problem]:
    for sentence, query in _FLAWS.items():
        for consent_id in connection.execute(text(f"{query} LIMIT {MOST_NAMED}")).scalars():
            yield Problem(sentence=sentence, values={"id": consent_id})
