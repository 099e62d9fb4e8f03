"""From files to batches: find, scan, check and feed the images, and degrade them for training.

In: folders and archives of images. Out: `data.Photo`, and batches of pixels with labels (`feed`).
"""
