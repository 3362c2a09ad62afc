"""Who may be talked to, what happened to them, and which of them a question picks."""
