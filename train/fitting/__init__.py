"""Train networks, join them, calibrate them, and search for settings.

In: photos and an untrained network. Out: a run folder with a trained one (`train.run`).
"""
