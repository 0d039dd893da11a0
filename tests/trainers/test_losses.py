from __future__ import annotations

import numpy as np
import pytest
import torch

from augury.connector.query.expand import combined
from augury.trainers.losses import mean_with_expansions, unit_distance


@pytest.mark.parametrize("weight", [0.5, 0.7])
@pytest.mark.parametrize("passages", [1, 3])
def test_the_mean_in_training_is_the_one_that_search_takes(weight: float, passages: int) -> None:
    torch.manual_seed(0)
    query, expansions = torch.randn(4, 16) * 3, torch.randn(passages, 4, 16) * 0.1
    mine = mean_with_expansions(query, expansions, weight).numpy()
    unit = torch.nn.functional.normalize
    for row in range(4):
        theirs = combined(unit(query[row], dim=0).numpy(), unit(expansions[:, row], dim=-1).numpy(), weight)
        np.testing.assert_allclose(mine[row], theirs, atol=1e-6)


def test_the_distance_of_the_triplet_loss_orders_as_the_cosine_does() -> None:
    torch.manual_seed(1)
    a, b = torch.randn(50, 8), torch.randn(50, 8) * 7
    cosine = torch.nn.functional.cosine_similarity(a, b)
    assert torch.equal(unit_distance(a, b).argsort(), (-cosine).argsort())
