"""Labels as inputs: what is shown, what is hidden, and what guesses may and may not replace."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from graphlab.predict.learners.networks.label_inputs import Labelled  # noqa: E402

CPU = torch.device("cpu")


def test_labels_and_guesses_as_inputs() -> None:
    taught = Labelled.of(torch.zeros(4, 1), 2, np.array([0, 3]), np.array([1, 0]), CPU)
    assert taught.inputs().tolist() == [[0, 0, 1, 1], [0, 0, 0, 0], [0, 0, 0, 0], [0, 1, 0, 1]]
    assert taught.inputs(torch.tensor([False, True]))[0].tolist() == [0, 0, 0, 0]
    guess = torch.tensor([[0.9, 0.1]] * 4)
    found = taught.inputs(guess=guess)
    torch.testing.assert_close(found[1], torch.tensor([0, 0.9, 0.1, 0.9]))
    assert found[0].tolist() == [0, 0, 1, 1], "a label is not overruled by a guess"
