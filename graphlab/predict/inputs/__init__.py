"""What predictors see: labelled examples, layers of edges, features of neurons and of pairs."""
