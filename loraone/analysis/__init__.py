"""Answers from stored numbers: verdicts, figures, reports."""
