"""Connections by where on their two neurons they lie: the partition beside ``connections``, and what is chosen of it.

``connections_by_compartment`` is either empty or has rows of every connection, which add up to its weight; what nobody
labelled is null on that side. It is never a kind: the keys of ``connections`` stay what they are. Imports the folder.
"""
