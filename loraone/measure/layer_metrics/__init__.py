"""Numbers of every layer: one file for each family, its rows and the functions that produce them.

A row of ``computed="run"`` names a function of a :class:`loraone.measure.model.MeasuredLayer` that
gives a number, NaN where the layer has none, or None where the run did not ask for it; its column
is then left out. None of the files imports torch at its top: the catalogue reads the rows.
"""
