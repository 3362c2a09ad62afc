"""One file per migration, numbered, with what it does in its name."""
