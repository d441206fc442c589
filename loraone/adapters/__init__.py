"""The only place that touches PEFT: adapters are put in, read, and written here.

Nothing is imported here, so that what adapters offer (:mod:`loraone.adapters.interfaces`) can be
read without transformers.
"""
