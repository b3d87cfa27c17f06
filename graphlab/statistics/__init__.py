"""Numbers that analyses share: ranks and scores, intervals, p values, ridge regression, folds.

Arrays in, arrays out; imports nothing of graphlab's other folders.
"""
