"""The bench: each figure measured on engines of its own, beside its reference from the same run."""
