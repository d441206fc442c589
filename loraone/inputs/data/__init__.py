"""Texts and labels: one file for each source, all giving the same :class:`TextData`."""
