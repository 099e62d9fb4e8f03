"""Fit, evaluate and apply the detectors: photos -> networks -> fitting -> figures.

Each room imports from those before it, from `train.chain` (a photo's way to its verdict), and from the modules beside
this one; none from those after it.
"""
