"""What is said, to whom, who is held back; and the ledger of sends."""
