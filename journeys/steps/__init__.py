"""What each kind of step does to the group of members standing on it."""
