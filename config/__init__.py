"""This installation: its settings, and the one place where the parts meet."""
