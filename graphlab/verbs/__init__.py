"""What one can do with a graph, one file a kind of work; ``graphlab.graph.Graph`` is all of them."""
