"""The queue at work: scheduler, lanes, executors, and what they watch."""
