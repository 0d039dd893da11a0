"""What each of a query's expansions is worth, and which two of them make a pair: arithmetic alone.

Published is the reward of ExpandR (Yao et al. 2025, https://arxiv.org/abs/2502.17057): an expansion's
reciprocal rank among the others by similarity to the relevant passage, plus the same by similarity to an
answer that the LLM wrote with that passage before it.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

import numpy as np

from ....schemas.points import FloatArray

RewardKind = Literal["retrieval", "published", "both"]
"""``retrieval``: what a search with the expansion finds; ``both``: that, plus half of ``published``, so that
each has 1 to give."""


class Picked(NamedTuple):
    """Positions of the two expansions of a pair."""

    chosen: int
    rejected: int


def reciprocal_ranks(values: FloatArray) -> FloatArray:
    """``reciprocal_ranks([.3, .9, .3])`` is ``[1/2, 1, 1/2]``: the highest has rank 1, equals share one."""
    ranks = 1 + (values[None, :] > values[:, None]).sum(axis=1)  # (samples,)
    found: FloatArray = (1.0 / ranks).astype(np.float32)
    return found


def published(to_passage: FloatArray, to_answer: FloatArray) -> FloatArray:
    """The rewards ``(samples,)`` by similarities to the relevant passage and to the answer, from 0 to 2."""
    return reciprocal_ranks(to_passage) + reciprocal_ranks(to_answer)


def reward(kind: RewardKind, published: FloatArray, retrieval: FloatArray | None) -> FloatArray:
    """The rewards ``(samples,)`` that pairs are made by."""
    if kind == "published":
        return published
    assert retrieval is not None
    return retrieval if kind == "retrieval" else (retrieval + published / 2).astype(np.float32)


def picked(rewards: FloatArray, similarities: FloatArray, margin: float) -> Picked | None:
    """``picked(rewards, similarities, margin=0.1)``: the best and the worst, or None if they are too near.

    Of equal rewards, the similarities decide: the best of the best and the worst of the worst.

    Args:
        similarities: ``(samples,)``, to the relevant passage and the answer together.
        margin: how much more the best must be worth; it is always worth more.
    """
    order = np.lexsort((similarities, rewards))
    chosen, rejected = int(order[-1]), int(order[0])
    difference = float(rewards[chosen] - rewards[rejected])
    return Picked(chosen, rejected) if difference > 0 and difference >= margin else None
