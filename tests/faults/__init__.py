"""Everything that can go wrong while a server runs, done on purpose."""
