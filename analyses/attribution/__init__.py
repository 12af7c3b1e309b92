"""Concept attribution: which labelled units carry a prediction, and whether their labels explain it."""
