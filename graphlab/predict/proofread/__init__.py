"""Where neurons may be wrong: cables that are two cells by their embeddings. Imports asking of models, and tasks."""
