"""Expansion: passages move the dense vector, rules add words, and the sparse branch keeps the query's own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

import augury
from augury import SearchOptions
from augury.connector.query.expand import combined
from augury.connector.query.parts import SearchParts
from augury.errors import EndpointError, QueryError
from augury.schemas.expansion import ExpansionProfile
from augury.schemas.llm import LlmProfile, Sampling
from augury.schemas.points import FloatArray, SparseVector
from augury.schemas.profile import Profile
from tests.hashing import HashingDense, HashingSparse
from tests.llm_server import LlmServer, always, body, sequence, status

TEXTS = {
    "yeast": "Osmosis draws water out of the cells of yeast",
    "bread": "Bread rises in a warm place",
    "rain": "Rain falls in April",
}


class Recording(HashingDense):
    """Remembers what it was asked to encode as a document."""

    def __init__(self) -> None:
        self.documents: list[str] = []

    def encode_documents(self, texts: Any) -> FloatArray:
        self.documents += texts
        return super().encode_documents(texts)


class RecordingSparse(HashingSparse):
    """Remembers the queries."""

    def __init__(self) -> None:
        self.queries: list[str] = []

    def encode_queries(self, texts: Any) -> list[SparseVector]:
        self.queries += texts
        return super().encode_documents(texts)


@pytest.fixture(autouse=True)
def alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AUGURY_CACHE", str(tmp_path / "cache"))
    for name in ("OPENAI_API_KEY", "OPENAI_BASE_URL"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def server() -> Iterator[LlmServer]:
    with LlmServer(lambda _: "Here is a passage: osmosis draws water out of yeast cells") as server:
        yield server


def opened(where: Path, url: str = "", rules: Path | None = None, **expansion: Any) -> augury.Index:
    profile = Profile(
        llm=LlmProfile(base_url=url, timeout=2, attempts=1),
        expansion=ExpansionProfile(**{"query_weight": 0.5, **expansion}),
    )
    index = augury.open(where, profile=profile, dense=Recording(), sparse=RecordingSparse(), rules=rules)
    index.ingest([augury.Document(id=name, text=text) for name, text in TEXTS.items()])
    return index


def result(index: augury.Index, query: str, **options: Any) -> augury.SearchResult:
    return index.retriever.search(query, SearchOptions(**options))


def test_a_passage_finds_what_the_query_has_no_word_of(tmp_path: Path, server: LlmServer) -> None:
    with opened(tmp_path / "index", server.url) as index:
        assert result(index, "why salt", branches=("dense",)).expansion is None
        found = result(index, "why salt", branches=("dense",), expand="llm")
        assert found.hits[0].doc_id == "yeast"
        assert found.expansion is not None
        assert found.expansion.passages == ("osmosis draws water out of yeast cells",)
        assert found.timings_ms["expand"] > 0
        dense = HashingDense()
        query, passage = dense.encode_queries(["why salt", "osmosis draws water out of yeast cells"])
        mean = (query + passage) / np.linalg.norm(query + passage)
        matter = dense.encode_documents([TEXTS["yeast"]])[0]
        assert found.hits[0].score == pytest.approx(float(mean @ matter), abs=1e-5)


def test_the_sparse_branch_keeps_the_query(tmp_path: Path, server: LlmServer) -> None:
    with opened(tmp_path / "index", server.url) as index:
        result(index, "why salt", expand="llm")
        assert isinstance(index.models.sparse, RecordingSparse)
        assert index.models.sparse.queries == ["why salt"]
        result(index, "why salt", expand="llm", branches=("sparse",))
        assert len(server.requests) == 1  # a passage would change nothing there


def test_several_passages_are_asked_for_and_kept(tmp_path: Path, server: LlmServer) -> None:
    with opened(tmp_path / "index", server.url, passages=3) as index:
        expansion = result(index, "why salt", expand="llm").expansion
        assert expansion is not None and len(expansion.passages) == 3
        assert len(server.requests) == 3
    with opened(tmp_path / "index", server.url, passages=3) as index:
        assert result(index, "why salt", expand="llm").expansion == expansion
    assert len(server.requests) == 3


def test_a_batch_is_expanded_side_by_side(tmp_path: Path, server: LlmServer) -> None:
    queries = [f"query {n}" for n in range(6)]
    with opened(tmp_path / "index", server.url) as index:
        together = index.retriever.search_batch(queries, SearchOptions(expand="llm"))
        alone = [index.retriever.search(query, SearchOptions(expand="llm")) for query in queries]
    assert [r.hits for r in together] == [r.hits for r in alone]
    assert len(server.requests) == 6


def test_rules_add_words_to_both_branches(tmp_path: Path) -> None:
    rules = tmp_path / "rules.toml"
    rules.write_text('[synonyms]\ndough = ["bread rises", "warm place"]\n')
    with opened(tmp_path / "index", rules=rules) as index:
        for branch in ("dense", "sparse"):
            found = result(index, "dough", branches=(branch,), expand="rules", limit=1)
            assert found.hits[0].doc_id == "bread"
            assert found.expansion is not None and found.expansion.rules == "dough (bread rises, warm place)"
        assert isinstance(index.models.sparse, RecordingSparse)
        assert index.models.sparse.queries == ["dough (bread rises, warm place)"]
        unchanged = result(index, "rain", expand="rules")
        assert unchanged.expansion is not None and unchanged.expansion.rules == ""
        assert unchanged.hits == result(index, "rain").hits


def test_auto_asks_only_where_the_first_search_is_unsure(tmp_path: Path, server: LlmServer) -> None:
    with opened(tmp_path / "index", server.url) as index:
        sure = result(index, TEXTS["rain"], expand="auto")
        assert sure.expansion is not None
        assert (sure.expansion.unsure, sure.expansion.passages) == (False, ())
        assert not server.requests
        unsure = result(index, "why salt", expand="auto", branches=("dense",))
        assert unsure.expansion is not None and unsure.expansion.unsure
        assert unsure.hits == result(index, "why salt", expand="llm", branches=("dense",)).hits


@pytest.mark.parametrize("fault", [status(500), body("..."), status(401)], ids=str)
def test_a_failing_llm_costs_the_expansion_and_no_answer(tmp_path: Path, fault: Any) -> None:
    with (
        LlmServer(fault=always(fault)) as server,
        opened(tmp_path / "index", server.url) as index,
    ):
        for mode in ("llm", "auto"):
            found = result(index, "why salt", expand=mode, branches=("dense",))
            assert found.hits == result(index, "why salt", branches=("dense",)).hits
            assert found.expansion is not None and found.expansion.note


def test_one_of_several_passages_may_fail(tmp_path: Path) -> None:
    with (
        LlmServer(lambda _: "osmosis draws water", fault=sequence(status(400))) as server,
        opened(tmp_path / "index", server.url, passages=2) as index,
    ):
        expansion = result(index, "why salt", expand="llm").expansion
        assert expansion is not None
        assert len(expansion.passages) == 1 and "refused" in expansion.note


def test_without_a_server_llm_is_an_error_and_auto_goes_without(tmp_path: Path) -> None:
    with opened(tmp_path / "index") as index:
        with pytest.raises(EndpointError, match="No LLM server is named"):
            result(index, "why salt", expand="llm")
        answered = result(index, "why salt", expand="auto")
        assert answered.hits and answered.expansion is not None
        assert "No LLM server is named" in answered.expansion.note
        assert result(index, "why salt", expand="rules").hits  # needs none


def test_a_retriever_without_an_expander_says_so(tmp_path: Path) -> None:
    with opened(tmp_path / "index") as index:
        parts = SearchParts(index.profile, index.models.dense, index.models.sparse)
        bare = augury.Retriever.over(index.store, parts)
        assert bare.search("why salt").hits
        with pytest.raises(QueryError, match="without an expander"):
            bare.search("why salt", SearchOptions(expand="rules"))


def test_the_profile_says_what_a_search_does_by_default(tmp_path: Path, server: LlmServer) -> None:
    with opened(tmp_path / "index", server.url, mode="llm", sampling=Sampling(max_tokens=7)) as index:
        assert index.search("why salt", branches=("dense",))[0].doc_id == "yeast"
        assert server.requests[0]["max_tokens"] == 7
        index.search("why salt", expand="off")
    assert len(server.requests) == 1


unit = arrays(np.float32, 4, elements=st.floats(-1, 1, width=32)).filter(lambda v: np.linalg.norm(v) > 0.1)


@given(unit, st.lists(unit, min_size=1, max_size=4), st.floats(0, 1))
def test_the_mean_is_a_unit_vector_and_knows_no_order(
    query: FloatArray, passages: list[FloatArray], weight: float
) -> None:
    query = query / np.linalg.norm(query)
    rows = np.stack([passage / np.linalg.norm(passage) for passage in passages])
    mean = combined(query, rows, weight)
    assert np.linalg.norm(mean) == pytest.approx(1, abs=1e-4)
    assert np.allclose(mean, combined(query, rows[::-1], weight), atol=1e-4)
    assert np.allclose(combined(query, rows, 1.0), query, atol=1e-4)
