"""What the rows of everyday answers are made into: fractions of everything, matrices, sums by partner."""
