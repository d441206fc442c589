"""The methods: one folder each, with its row of the catalogue and what computes its factors.

The catalogue finds every folder that has a ``row.py``; there is no list to add to.
"""
