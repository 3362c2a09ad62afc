"""Members by the hundred thousand, made by SQL."""

from collections.abc import Sequence

from sqlalchemy import text

from database.engine import Database

#: What an address of each channel looks like for the member whose id is ``id``.
FORMS = {
    "sms": "'+86138' || lpad(id::text, 8, '0')",
    "email": "'m' || id || '@example.com'",
    "wechat": "'o' || lpad(id::text, 27, '0')",
}
MEMBERS = """
INSERT INTO members (key, name, tier, birth_year, birth_month, birth_day, joined_at, attributes)
SELECT 'm' || g, '会员' || g, (ARRAY['gold', 'silver', 'basic', 'basic', 'basic'])[1 + g % 5],
       1960 + g % 40, extract(month FROM born), extract(day FROM born), '2025-01-01', '{"city": "上海"}'
FROM generate_series(1, :count) g, LATERAL (SELECT date '2001-01-01' + g * 7 % 365 AS born) AS birthday
"""
ADDRESSES = """
INSERT INTO addresses (member_id, channel, address, fingerprint)
SELECT id, :channel, {form}, sha256(convert_to({form}, 'UTF8')) FROM members ORDER BY id
"""
CONSENTS = """
INSERT INTO consents (member_id, channel, purpose, granted, source, occurred_at)
SELECT id, :channel, 'marketing', true, 'bench', '2025-01-01' FROM members ORDER BY id
"""


def make_population(database: Database, count: int, *, channels: Sequence[str]) -> None:
    """Make members m1, m2, … with solar birthdays spread evenly, who can be reached on ``channels`` and agree to it."""
    with database.transaction() as connection:
        # The rows fit together by construction; checking each reference would triple the set-up.
        connection.execute(text("SET LOCAL session_replication_role = replica"))
        connection.execute(text(MEMBERS), {"count": count})
        for channel in channels:
            connection.execute(text(ADDRESSES.format(form=FORMS[channel])), {"channel": channel})
            connection.execute(text(CONSENTS), {"channel": channel})
    settle_down(database)


def settle_down(database: Database) -> None:
    """Let PostgreSQL tidy up after a set-up, so that it does not do so while we measure."""
    with database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("VACUUM ANALYZE"))
        connection.execute(text("CHECKPOINT"))
