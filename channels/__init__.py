"""How one message is carried, and what came back.  Knows no database and no settings file."""
