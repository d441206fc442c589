"""Figures: data frames in, plotly figures out. The same for the page, a notebook, a report.

Each file has ``table(...)``, which gives the numbers that are drawn (and downloaded as CSV), and
``draw(table, ...)``.
"""
