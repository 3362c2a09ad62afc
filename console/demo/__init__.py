"""The demonstration: made-up members with believable habits, and 120 of their days on the real road."""
