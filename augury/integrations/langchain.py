"""LangChain: ``AuguryRetriever(retriever=augury.Retriever(client, "papers")).invoke("a need")``."""

from __future__ import annotations

from typing import Any

from pydantic import ConfigDict, Field

from ..connector.query.async_retriever import AsyncRetriever
from ..connector.query.planner import SearchOptions
from ..connector.query.retriever import Retriever
from ..errors import MissingDependency
from ..schemas.hit import SearchResult
from .metadata import metadata_of

try:
    from langchain_core.callbacks import AsyncCallbackManagerForRetrieverRun, CallbackManagerForRetrieverRun
    from langchain_core.documents import Document
    from langchain_core.retrievers import BaseRetriever
except ImportError as error:
    raise MissingDependency("langchain-core", "langchain") from error


class AuguryRetriever(BaseRetriever):
    """``AuguryRetriever(retriever=retriever, options=SearchOptions(limit=4))``, for any chain.

    The metadata of a document are its own and those of ``metadata_of``: score, doc_id, scenario, ... What
    is given to ``invoke`` beside the query replaces fields of the options: ``invoke("boats", limit=3)``.

    Attributes:
        retriever: for ``invoke``, and in a thread for ``ainvoke``.
        async_retriever: for ``ainvoke``, where there is one.
        options: of every search.
    """

    model_config = ConfigDict(arbitrary_types_allowed=True)

    retriever: Retriever | None = None
    async_retriever: AsyncRetriever | None = None
    options: SearchOptions = Field(default_factory=SearchOptions)

    def model_post_init(self, context: Any) -> None:
        """Refuse one that could not search."""
        if self.retriever is None and self.async_retriever is None:
            raise ValueError("give it a retriever, an async_retriever, or both")

    def _get_relevant_documents(
        self, query: str, *, run_manager: CallbackManagerForRetrieverRun, **changes: Any
    ) -> list[Document]:
        if self.retriever is None:
            raise ValueError("this retriever has an async_retriever only: use ainvoke")
        return _documents(self.retriever.search(query, self._options(changes)))

    async def _aget_relevant_documents(
        self, query: str, *, run_manager: AsyncCallbackManagerForRetrieverRun, **changes: Any
    ) -> list[Document]:
        if self.async_retriever is None:
            in_thread = await super()._aget_relevant_documents(query, run_manager=run_manager, **changes)
            return list(in_thread)
        return _documents(await self.async_retriever.search(query, self._options(changes)))

    def _options(self, changes: dict[str, Any]) -> SearchOptions:
        return SearchOptions.model_validate({**dict(self.options), **changes})


def _documents(result: SearchResult) -> list[Document]:
    return [Document(page_content=hit.text, metadata=metadata_of(hit)) for hit in result.hits]
