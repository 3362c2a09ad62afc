"""The statement that works out how members answer on each channel, from the ledger and their events.

``received`` counts what was accepted or delivered and did not fail since.  An answer is a click or an opening
by the member's own hand, or a reply: of a reply nobody says to what, so it answers what came last on its channel.
"""

#: How long after a message a reply on its channel still answers it.
REPLY_WITHIN = "7 days"

_TOLD = """
WITH received AS (
    SELECT id, member_id, channel, coalesce(accepted_at, delivered_at, state_at) AS received_at
    FROM sends WHERE {whom} AND state IN ('accepted', 'delivered') AND channel IS NOT NULL
), deeds AS (
    SELECT events.id, events.member_id, kind, occurred_at, sends.id AS send_id,
           coalesce(sends.channel, told.channel, CASE kind WHEN 'message.opened' THEN 'email' END) AS channel
    FROM (
        SELECT id, member_id, kind, occurred_at, properties ->> 'channel' AS channel,
               CASE WHEN properties ->> 'send' ~ '^[0-9]{{1,18}}$' THEN (properties ->> 'send')::bigint END AS send_id
        FROM events
        WHERE {whom} AND kind IN ('message.opened', 'message.clicked', 'message.replied')
          AND NOT properties @> '{{"machine": true}}'
    ) AS events LEFT JOIN sends ON sends.id = events.send_id AND sends.member_id = events.member_id
    CROSS JOIN LATERAL (
        SELECT CASE WHEN events.channel IN ('sms', 'email', 'wechat') THEN events.channel END AS channel
    ) AS told
), answered AS (
    SELECT send_id FROM deeds WHERE send_id IS NOT NULL
    UNION
    SELECT id FROM (
        SELECT DISTINCT ON (deeds.id) received.id
        FROM deeds JOIN received USING (member_id, channel)
        WHERE kind = 'message.replied' AND deeds.send_id IS NULL
          AND received_at <= occurred_at AND received_at > occurred_at - interval '{within}'
        ORDER BY deeds.id, received_at DESC, received.id DESC
    ) AS replied
)"""

_WRITE = """, sums AS (
    SELECT member_id, channel, count(received_at) AS received, count(*) FILTER (WHERE is_answered) AS answered,
           max(received_at) AS last_received_at, max(opened_at) AS last_opened_at, max(clicked_at) AS last_clicked_at,
           max(replied_at) AS last_replied_at,
           round(count(*) FILTER (WHERE is_answered)::numeric / nullif(count(received_at), 0), 4) AS response_rate
    FROM (
        SELECT member_id, channel, received_at, answered.send_id IS NOT NULL AS is_answered, NULL::timestamptz AS opened_at,
               NULL::timestamptz AS clicked_at, NULL::timestamptz AS replied_at
        FROM received LEFT JOIN answered ON answered.send_id = received.id
        UNION ALL
        SELECT member_id, channel, NULL, false, CASE kind WHEN 'message.opened' THEN occurred_at END,
               CASE kind WHEN 'message.clicked' THEN occurred_at END, CASE kind WHEN 'message.replied' THEN occurred_at END
        FROM deeds WHERE channel IS NOT NULL
    ) AS every GROUP BY member_id, channel
), written AS (
    INSERT INTO channel_facts AS known (member_id, channel, {columns})
    SELECT member_id, channel, {columns} FROM sums ORDER BY member_id, channel
    ON CONFLICT (member_id, channel) DO UPDATE SET ({columns}) = ({excluded})
    WHERE ({known}) IS DISTINCT FROM ({excluded})
    RETURNING member_id
), gone AS (
    DELETE FROM channel_facts AS known
    WHERE {whom} AND NOT EXISTS (SELECT FROM sums WHERE (sums.member_id, sums.channel) = (known.member_id, known.channel))
    RETURNING member_id
)
SELECT member_id FROM written UNION SELECT member_id FROM gone
"""

_COLUMNS = (
    "received", "answered", "last_received_at", "last_opened_at", "last_clicked_at", "last_replied_at", "response_rate",
)  # fmt: skip


def channels_statement(whom: str) -> str:
    """Return the statement for the members whom a clause about ``member_id`` names.

    It leaves the rows of ``channel_facts`` as ledger and events have them, and answers with the members whose
    rows changed.
    """
    return "".join((_TOLD, _WRITE)).format(
        whom=whom,
        within=REPLY_WITHIN,
        columns=", ".join(_COLUMNS),
        excluded=", ".join(f"excluded.{column}" for column in _COLUMNS),
        known=", ".join(f"known.{column}" for column in _COLUMNS),
    )
