"""What is known of members by what they did: totals by kind of event, what they bought, how they answer each channel."""

from members.facts.totals import MERGE, TOTALS, read_facts, rebuild

__all__ = ["MERGE", "TOTALS", "read_facts", "rebuild"]
