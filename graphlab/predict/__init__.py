"""Predictors of function and type from wiring and embeddings, with the splits and baselines that test them."""
