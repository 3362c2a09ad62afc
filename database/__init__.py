"""Where the tables are, and how a database is opened, migrated and embedded."""
