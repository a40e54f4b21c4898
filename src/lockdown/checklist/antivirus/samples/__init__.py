"""Harmless files of true types, made at run time: no file of this package is itself something that a scanner finds."""
