"""From volumes to embeddings (and segments). The encoder arrives with its own issue."""
