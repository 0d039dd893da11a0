"""A LlamaIndex retriever: nodes with scores, both faces, and what a prompt gets to see."""

from __future__ import annotations

import asyncio

import pytest

import augury
from augury.connector.query.async_retriever import AsyncRetriever

pytest.importorskip("llama_index.core", reason="needs: pip install 'augury[llama-index]'")

from llama_index.core.schema import MetadataMode

from augury.integrations.llama_index import AuguryRetriever


def test_nodes_have_text_score_and_metadata(retriever: augury.Retriever) -> None:
    [first, second] = AuguryRetriever(retriever).retrieve("trap smells")
    hits = retriever.search("trap smells").hits
    assert [first.score, second.score] == [hit.score for hit in hits]
    assert first.node.get_content() == "a trap keeps gases out"
    assert first.node.node_id == "a#0"
    assert first.node.metadata["scenario"] == "a trap smells" and first.node.metadata["year"] == 2020
    shown = first.node.get_content(metadata_mode=MetadataMode.LLM)
    assert "title: Trap" in shown and "year: 2020" in shown
    assert "explanation" not in shown and "smells" not in shown


def test_awaited_in_a_thread_and_beside_the_loop(retriever: augury.Retriever) -> None:
    options = augury.SearchOptions(limit=1)
    expected = AuguryRetriever(retriever, options=options).retrieve("clock")
    assert [each.node.metadata["doc_id"] for each in expected] == ["b"]

    async def ask() -> None:
        assert await AuguryRetriever(retriever, options=options).aretrieve("clock") == expected
        async with AsyncRetriever.over(retriever) as beside:
            assert await AuguryRetriever(retriever, beside, options).aretrieve("clock") == expected

    asyncio.run(ask())
