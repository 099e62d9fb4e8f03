"""Fit, evaluate and apply the detectors: images -> dataset -> model -> metrics."""
