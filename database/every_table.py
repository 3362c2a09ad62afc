"""All tables together, for whoever must know every one: the migrations' tests, replays, erasure."""

from database import loyalty_tables, member_tables, tables

__all__ = ["loyalty_tables", "member_tables", "metadata", "tables"]

metadata = tables.metadata
