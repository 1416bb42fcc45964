"""Scoring: a transport-free core, HTTP on top, files beside it; one champion a model, swapped whole."""
