"""From a photo to a verdict on each face: read, trim, find, cut, judge, say.

The Space holds a copy of this folder, so nothing here imports from elsewhere in the project.
"""
