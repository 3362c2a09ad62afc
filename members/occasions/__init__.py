"""Occasions: what a member's calendar and orders give reason to speak about, told as events."""
