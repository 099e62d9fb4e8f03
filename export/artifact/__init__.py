"""Turn a run into what is shipped: rounded weights, TensorFlow.js, LiteRT, a card, and the Hub's files.

In: a run folder. Out: folders for Space, page and Hub, each checked against the run.
"""
