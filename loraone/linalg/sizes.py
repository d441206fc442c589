"""How many vectors and products decompositions and estimates take; read without torch."""

# Passes of a sketch over the data.
SKETCH_PASSES = 4

# Of estimates, which are kept for each weight: another one whenever other numbers come of them.
VERSION = 2

# Columns of a Krylov block beyond r.
OVERSAMPLING = 8

# Values of a weight that are computed where not all are: as many as ranks that are usual.
TOP_OF_WEIGHT = 16

# Of an estimated spectrum: random vectors, and for each the steps of its bidiagonal matrix, whose
# quadrature is exact for polynomials in σ² of degree 31.
PROBES = 12
STEPS = 16
