"""Tiers: reached at once, kept for a period, lost after grace, warned about before."""
