"""Members who can be reached everywhere and said yes to everything, made by the database itself."""

from sqlalchemy import Connection, text

#: The address of each channel, worked out from the member's id.
ADDRESSES = {
    "sms": "'+86138' || lpad(id::text, 8, '0')", "email": "'m' || id || '@example.com'", "wechat": "'o' || lpad(id::text, 27, '0')",
}  # fmt: skip


def make_people(connection: Connection, count: int) -> None:
    """Make so many members."""
    connection.execute(
        text(
            "INSERT INTO members (key, name, joined_at) "
            "SELECT 'm' || g, '会员' || g, '2025-01-01' FROM generate_series(1, :count) g"
        ),
        {"count": count},
    )
    for channel, form in ADDRESSES.items():
        connection.execute(
            text(
                "INSERT INTO addresses (member_id, channel, address, fingerprint) "
                f"SELECT id, '{channel}', {form}, sha256(convert_to({form}, 'UTF8')) FROM members"
            )
        )
        connection.execute(
            text(
                "INSERT INTO consents (member_id, channel, purpose, granted, source, occurred_at) "
                f"SELECT id, '{channel}', 'marketing', true, 'chaos', '2025-01-01' FROM members"
            )
        )
