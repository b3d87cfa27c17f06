"""One way to predict a file, behind the seam of ``graphlab.predict.predictor``, and what they share."""
