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


def test_a_query_counts_its_repeated_words() -> None:
    (query,) = Bm25Encoder().encode_queries(["flow over a wing, flow round a wing, flow " + "lift " * 100])
    assert sorted(query.values.tolist()) == [1, 2, 3, 100]


def test_a_name_carries_parameters_and_a_revision_all_of_them() -> None:
    encoder = Bm25Encoder.named("bm25:k=0.9,b=0.4")
    assert encoder.name == "bm25:k=0.9,b=0.4"
    assert encoder.measures_length
    fitted = encoder.fitted(["one two three four", "five six seven eight nine ten"])
    assert fitted.revision == "k=0.9,b=0.4,average_length=5,language=english"
    again = Bm25Encoder.named(encoder.name, fitted.revision)
    assert (again.name, again.revision, again.measures_length) == (encoder.name, fitted.revision, False)
    assert fitted.encode_documents(["one two"])[0].values == pytest.approx(
        again.encode_documents(["one two"])[0].values
    )


def test_texts_without_tokens_fit_nothing() -> None:
    encoder = Bm25Encoder()
    assert encoder.fitted(["", "the of"]).revision == encoder.revision == Bm25Encoder().fitted([]).revision


@pytest.mark.parametrize("name", ["bm25:k=much", "bm25:c=1", "bm25:k", "bm25:name=x"])
def test_a_name_that_cannot_be_read_is_told(name: str) -> None:
    with pytest.raises(UsageError, match="parameters"):
        Bm25Encoder.named(name)
