"""From volumes to embeddings: networks, engines, crops, and the run that writes what they compute."""
