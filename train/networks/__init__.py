"""The networks, and what one of them answers to photos.

In: batches of photos. Out: Keras models from pixels to P(real), their features and answers.
"""
