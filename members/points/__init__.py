"""Points: a ledger of what was earned, spent and expired, whose sums close."""
