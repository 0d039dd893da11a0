from __future__ import annotations

import numpy as np
import pytest
import qdrant_edge

from augury.errors import UsageError
from augury.models.bm25 import Bm25Encoder, _merged


def test_rare_words_match_and_stop_words_vanish() -> None:
    encoder = Bm25Encoder()
    cats, dogs = encoder.encode_documents(["the cat sat on the mat", "dogs run and run"])
    (query,) = encoder.encode_queries(["a running dog"])
    assert query.dot(dogs) > query.dot(cats) == 0
    assert query.values.tolist() == [1, 1]


@pytest.mark.parametrize("text", ["", "   ", "the of and", "!?"])
def test_a_text_without_terms_is_empty(text: str) -> None:
    encoder = Bm25Encoder()
    for vector in (*encoder.encode_documents([text]), *encoder.encode_queries([text])):
        assert len(vector.indices) == len(vector.values) == 0
        assert vector.indices.dtype == np.uint32
        assert vector.values.dtype == np.float32


def test_indices_ascend_and_collisions_add_up() -> None:
    vector = _merged(qdrant_edge.SparseVector([9, 4294967295, 9, 2], [1.0, 2.0, 0.5, 3.0]))
    assert vector.indices.tolist() == [2, 9, 4294967295]
    assert vector.values.tolist() == [3, 1.5, 2]


def test_the_revision_names_the_parameters() -> None:
    assert Bm25Encoder(k=0.9).revision == "k=0.9,b=0.75,average_length=256,language=english"
    assert Bm25Encoder().idf


def test_impossible_parameters_are_refused() -> None:
    with pytest.raises(UsageError, match="klingon"):
        Bm25Encoder(language="klingon")
