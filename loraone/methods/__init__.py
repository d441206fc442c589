"""Initialisers: one file each, all giving :class:`loraone.methods.base.Initialisation`."""
