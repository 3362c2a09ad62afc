"""Everything kept about somebody: where it stands, how it is handed out, and how it goes."""
