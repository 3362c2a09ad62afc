"""Segments: conditions with a name, the members a condition picks, and who enters and leaves."""

from members.segments.picking import count_matching, matching_members
from members.segments.storing import load_segments

__all__ = ["count_matching", "load_segments", "matching_members"]
