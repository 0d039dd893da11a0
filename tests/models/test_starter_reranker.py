"""The reranker that comes with Augury is whole, and stays near the vectors that it corrects."""

from __future__ import annotations

import numpy as np

from augury.models.dense import load_dense
from augury.models.hypencoder import load_hypencoder
from augury.models.resolve import fetch, is_cached, verify

NAME = "starter:hypencoder-minilm"


def test_it_is_part_of_the_package() -> None:
    assert is_cached(NAME)
    assert verify(NAME) == fetch(NAME)
    assert sum(file.stat().st_size for file in verify(NAME).iterdir()) < 12e6


def test_it_corrects_the_similarity_of_its_base() -> None:
    encoder, reranker = load_dense("starter:minilm"), load_hypencoder(NAME)
    queries = ["vitamin D lowers the risk of fractures", "thinks a square has only one line of symmetry"]
    texts = [
        "Supplements of vitamin D and hip fractures in older women: a randomised trial.",
        "Believes that a square has one line of symmetry.",
        "The wind tunnel measured drag at high speeds.",
    ]
    items, asked = encoder.encode_documents(texts), encoder.encode_queries(queries)
    scores = reranker.score_all(queries, items)
    assert [int(np.argmax(row)) for row in scores] == [0, 1]
    correction = np.abs(scores - asked @ items.T)
    assert 1e-3 < correction.max() < 1
