"""Tables of a graph while events change it: views of what there was and what changed, brought together in between.

Imports the database, the folder and its runs.
"""
