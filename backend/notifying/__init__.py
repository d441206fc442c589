"""Notices that leave the server: where people want them, and how they get there."""
