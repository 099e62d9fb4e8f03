"""What a trained network says of photos, and how often it is right.

In: run folders and photos. Out: verdicts, metrics, comparisons, plots and reports.
"""
