"""Runs mirrored to other experiment trackers, from a process that no run waits for."""
