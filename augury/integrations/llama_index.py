"""LlamaIndex: ``AuguryRetriever(augury.Retriever(client, "papers")).retrieve("a need")``."""

from __future__ import annotations

import asyncio
from typing import Any

from ..connector.query.async_retriever import AsyncRetriever
from ..connector.query.planner import SearchOptions
from ..connector.query.retriever import Retriever
from ..errors import MissingDependency
from ..schemas.hit import Hit, SearchResult
from .metadata import OWN_KEYS, metadata_of

try:
    from llama_index.core.retrievers import BaseRetriever
    from llama_index.core.schema import NodeWithScore, QueryBundle, TextNode
except ImportError as error:
    raise MissingDependency("llama-index-core", "llama-index") from error

_NOT_READ = [key for key in OWN_KEYS if key != "title"]


class AuguryRetriever(BaseRetriever):
    """``AuguryRetriever(retriever, options=SearchOptions(limit=4))``, for any query engine.

    The metadata of a node are the document's own and those of ``metadata_of``; of the latter, a prompt is
    shown the title only.

    Args:
        retriever: for ``retrieve``, and in a thread for ``aretrieve``.
        async_retriever: for ``aretrieve``, where there is one.
        options: of every search.
        given: what ``BaseRetriever`` takes, such as ``callback_manager``.
    """

    def __init__(
        self,
        retriever: Retriever,
        async_retriever: AsyncRetriever | None = None,
        options: SearchOptions | None = None,
        **given: Any,
    ) -> None:
        super().__init__(**given)
        self._retriever = retriever
        self._async_retriever = async_retriever
        self._options = options

    def _retrieve(self, query_bundle: QueryBundle) -> list[NodeWithScore]:
        return _nodes(self._retriever.search(query_bundle.query_str, self._options))

    async def _aretrieve(self, query_bundle: QueryBundle) -> list[NodeWithScore]:
        if self._async_retriever is None:
            return await asyncio.to_thread(self._retrieve, query_bundle)
        return _nodes(await self._async_retriever.search(query_bundle.query_str, self._options))


def _nodes(result: SearchResult) -> list[NodeWithScore]:
    return [NodeWithScore(node=_node(hit), score=hit.score) for hit in result.hits]


def _node(hit: Hit) -> TextNode:
    return TextNode(
        id_=f"{hit.doc_id}#{hit.chunk}",
        text=hit.text,
        metadata=metadata_of(hit),
        excluded_llm_metadata_keys=_NOT_READ,
        excluded_embed_metadata_keys=_NOT_READ,
    )
