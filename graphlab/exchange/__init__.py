"""The graph for other tools: networkx, igraph, Neuroglancer, table files.

Imports the schema alone.
"""
