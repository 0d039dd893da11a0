"""A LangChain retriever: documents, options of one call, both faces, and a chain."""

from __future__ import annotations

import asyncio

import pytest

import augury
from augury.connector.query.async_retriever import AsyncRetriever
from augury.schemas.hit import Explanation

pytest.importorskip("langchain_core", reason="needs: pip install 'augury[langchain]'")

from langchain_core.runnables import RunnableLambda

from augury.integrations.langchain import AuguryRetriever


def test_documents_say_what_was_found_and_why(retriever: augury.Retriever) -> None:
    [first, second] = AuguryRetriever(retriever=retriever).invoke("trap smells")
    hit = retriever.search("trap smells").hits[0]
    assert first.page_content == "a trap keeps gases out"
    found = {name: first.metadata[name] for name in ("doc_id", "title", "score", "scenario", "year", "tags")}
    assert found == {
        "doc_id": "a",
        "title": "Trap",
        "score": hit.score,
        "scenario": "a trap smells",
        "year": 2020,
        "tags": ["home"],
    }
    assert Explanation.model_validate(first.metadata["explanation"]) == hit.explanation
    assert second.metadata["doc_id"] == "b" and second.metadata["scenario"] is None


def test_options_of_the_retriever_and_of_one_call(retriever: augury.Retriever) -> None:
    narrow = augury.SearchOptions(limit=1, filter=augury.where(["year=2021"]))
    found = AuguryRetriever(retriever=retriever, options=narrow)
    assert [document.metadata["doc_id"] for document in found.invoke("trap")] == ["b"]
    assert len(found.invoke("trap", filter=None, limit=2)) == 2
    with pytest.raises(ValueError, match="limits"):
        found.invoke("trap", limits=2)


def test_awaited_in_a_thread_and_beside_the_loop(retriever: augury.Retriever) -> None:
    expected = AuguryRetriever(retriever=retriever).invoke("clock")

    async def ask() -> None:
        assert await AuguryRetriever(retriever=retriever).ainvoke("clock") == expected
        async with AsyncRetriever.over(retriever) as beside:
            alone = AuguryRetriever(async_retriever=beside)
            assert await alone.ainvoke("clock") == expected
            assert len(await alone.ainvoke("clock", limit=1)) == 1
            with pytest.raises(ValueError, match="use ainvoke"):
                alone.invoke("clock")

    asyncio.run(ask())
    with pytest.raises(ValueError, match="give it a retriever"):
        AuguryRetriever()


def test_it_is_a_link_of_a_chain(retriever: augury.Retriever) -> None:
    joined = RunnableLambda(lambda documents: " / ".join(each.page_content for each in documents))
    chain = AuguryRetriever(retriever=retriever) | joined
    assert chain.invoke("twelve") == "a clock counts to twelve / a trap keeps gases out"
