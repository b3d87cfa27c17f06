"""Ridge regression against its closed form and scikit-learn."""

from __future__ import annotations

import numpy as np

from graphlab.statistics.ridge import ridge_path


def test_ridge_is_the_closed_form_and_scikit_learns() -> None:
    from sklearn.linear_model import Ridge

    rng = np.random.default_rng(0)
    for frames in (50, 8):
        x, y = rng.normal(size=(frames, 12)), rng.normal(size=(frames, 3))
        for weights, penalty in zip(ridge_path(x, y, (0.1, 10.0)), (0.1, 10.0), strict=True):
            np.testing.assert_allclose(weights, Ridge(penalty, fit_intercept=False).fit(x, y).coef_.T, atol=1e-8)
