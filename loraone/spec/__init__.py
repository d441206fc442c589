"""What is asked: every parameter once, with bounds and help, and what goes together."""
