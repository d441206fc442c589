"""Init[AB]: both factors random and non-zero."""
