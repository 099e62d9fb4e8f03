"""Keep the page and the Space up to date with what is written once: copies, icons, lists of files.

In: train/chain/, web/ and tests/node_modules. Out: what is generated in web/ and space/.
"""
