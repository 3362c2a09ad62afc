"""Who is who: rows that are one person are found, merged with everything they have, and taken apart again."""
