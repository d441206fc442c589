"""What stored runs say: baskets, tables, overviews, estimates, reports. Knows no HTTP."""
