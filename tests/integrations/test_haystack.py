"""A Haystack component: in a pipeline, written and read back, with either kind of filter."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

import augury
from augury.errors import FilterError, IndexNotFound, UsageError
from augury.integrations.haystack_filters import qdrant_filter

YEAR = {"field": "meta.year", "operator": "==", "value": 2020}


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        (YEAR, ["a"]),
        ({"field": "year", "operator": "!=", "value": 2020}, ["b"]),
        ({"field": "meta.year", "operator": ">", "value": 2020}, ["b"]),
        ({"field": "meta.year", "operator": "<=", "value": 2020.0}, ["a"]),
        ({"field": "meta.year", "operator": "==", "value": 2021.0}, ["b"]),
        ({"field": "meta.year", "operator": "in", "value": [2020, 2021]}, ["a", "b"]),
        ({"field": "meta.year", "operator": "not in", "value": [2020]}, ["b"]),
        ({"field": "meta.doc_id", "operator": "==", "value": "b"}, ["b"]),
        ({"field": "meta.tags", "operator": "==", "value": None}, ["b"]),
        ({"field": "meta.tags", "operator": "!=", "value": None}, ["a"]),
        ({"operator": "NOT", "conditions": [YEAR]}, ["b"]),
        (
            {
                "operator": "OR",
                "conditions": [YEAR, {"field": "meta.doc_id", "operator": "==", "value": "b"}],
            },
            ["a", "b"],
        ),
        (
            {
                "operator": "AND",
                "conditions": [YEAR, {"field": "meta.doc_id", "operator": "==", "value": "b"}],
            },
            [],
        ),
        ({"must": [{"key": "metadata.year", "match": {"value": 2021}}]}, ["b"]),
    ],
)
def test_filters_mean_the_same(retriever: augury.Retriever, filters: Any, expected: list[str]) -> None:
    options = augury.SearchOptions(filter=qdrant_filter(filters))
    assert sorted(hit.doc_id for hit in retriever.search("a", options).hits) == expected


@pytest.mark.parametrize(
    ("filters", "says"),
    [
        ({"operator": "AND"}, "no list of conditions"),
        ({"operator": "=="}, "lacks its field"),
        ({"field": "year", "operator": "~", "value": 1}, "none of Haystack's"),
        ({"field": "year", "operator": "in", "value": 1}, "no list"),
        ({"field": "year", "operator": "in", "value": []}, "an empty list"),
    ],
)
def test_filters_that_are_none(filters: Any, says: str) -> None:
    with pytest.raises(FilterError, match=says):
        qdrant_filter(filters)


os.environ["HAYSTACK_TELEMETRY_ENABLED"] = "false"
haystack = pytest.importorskip("haystack", reason="needs: pip install 'augury[haystack]'")


def component(*given: Any, **more: Any) -> Any:
    from augury.integrations.haystack import AuguryRetriever

    return AuguryRetriever(*given, **more)


def test_a_component_over_a_client_of_ones_own(retriever: augury.Retriever) -> None:
    over = component(retriever=retriever, top_k=1)
    [document] = over.run("trap smells")["documents"]
    assert document.content == "a trap keeps gases out"
    assert document.score == document.meta["score"] == retriever.search("trap smells").hits[0].score
    assert document.meta["scenario"] == "a trap smells"
    [other] = over.run("trap", filters={**YEAR, "value": 2021})["documents"]
    assert other.meta["doc_id"] == "b"
    assert len(over.run("trap", top_k=2)["documents"]) == 2
    with pytest.raises(UsageError, match="cannot be written"):
        over.to_dict()


def test_what_cannot_be_is_said_when_it_is_made(retriever: augury.Retriever, tmp_path: Path) -> None:
    for given in ({}, {"index": "x", "retriever": retriever}):
        with pytest.raises(UsageError, match="one place"):
            component(**given)
    with pytest.raises(FilterError):
        component("x", filters={"operator": "AND"})
    with pytest.raises(ValueError, match="rerunk"):
        component("x", options={"rerunk": 3})
    with pytest.raises(IndexNotFound):
        component(str(tmp_path / "nothing")).warm_up()


def test_a_pipeline_is_written_read_back_run_and_closed(sample_index: Path) -> None:
    pipeline = haystack.Pipeline()
    filters = {**YEAR, "operator": ">="}
    made = component(str(sample_index), top_k=3, filters=filters, options={"diversity": 0.1})
    pipeline.add_component("retriever", made)
    written = pipeline.dumps()
    assert "augury.integrations.haystack.AuguryRetriever" in written and "api" not in written
    again = haystack.Pipeline.loads(written, allowed_modules=["augury.integrations.haystack"])
    assert again.dumps() == written
    found = again.run({"retriever": {"query": "a bad smell comes up from the shower", "filters": {}}})
    documents = found["retriever"]["documents"]
    assert len(documents) == 3 and all(each.meta["year"] >= 2020 for each in documents)
    again.close()
    again.close()
    with augury.open(sample_index) as index:  # the pipeline let go of it
        assert index.status().documents == 13
