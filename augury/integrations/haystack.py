"""Haystack: ``AuguryRetriever(index="http://localhost:6333/papers")``, a component for pipelines."""

from __future__ import annotations

from typing import Any

from ..connector.index import Index, open
from ..connector.query.planner import SearchOptions
from ..connector.query.retriever import Retriever
from ..errors import MissingDependency, UsageError
from ..schemas.points import Filter
from .haystack_filters import qdrant_filter
from .metadata import metadata_of

try:
    from haystack import Document, component, default_from_dict, default_to_dict
except ImportError as error:
    raise MissingDependency("haystack-ai", "haystack") from error


@component
class AuguryRetriever:
    """``pipeline.add_component("retriever", AuguryRetriever(index="my-index", top_k=5))``.

    A component that is made of an ``index`` opens it when it is warmed up, can be written to YAML and read
    back, and lets go of it when its pipeline is closed. The key of a server is taken from ``QDRANT_API_KEY``
    and never written.

    Args:
        index: a folder, or ``http(s)://host:port/collection``.
        retriever: instead of an index: ``augury.Retriever(client, "papers")`` over a client of one's own.
            Such a component cannot be written.
        top_k: most documents.
        filters: of every search, unless ``run`` is given others: Haystack's or Qdrant's, see
            ``qdrant_filter``.
        options: other fields of ``SearchOptions``, such as ``{"rerank": 50}``.
    """

    def __init__(
        self,
        index: str = "",
        *,
        retriever: Retriever | None = None,
        top_k: int = 10,
        filters: dict[str, Any] | None = None,
        options: dict[str, Any] | None = None,
    ) -> None:
        if bool(index) == (retriever is not None):
            raise UsageError("The component searches one place", "Give it an index, or a retriever")
        self.index = index
        self.top_k = top_k
        self.filters = filters
        self.options = options or {}
        self._options(filters, top_k)  # what cannot be is said now
        self._retriever = retriever
        self._opened: Index | None = None

    def warm_up(self) -> None:
        """Open the index and load its models."""
        if self._retriever is None:
            self._opened = open(self.index, create=False)
            try:
                self._retriever = self._opened.retriever
            except BaseException:
                self.close()
                raise

    @component.output_types(documents=list[Document])
    def run(
        self, query: str, filters: dict[str, Any] | None = None, top_k: int | None = None
    ) -> dict[str, list[Document]]:
        """The best documents; ``meta`` has their own metadata and those of ``metadata_of``."""
        options = self._options(filters or self.filters, self.top_k if top_k is None else top_k)
        self.warm_up()
        assert self._retriever is not None
        return {
            "documents": [
                Document(content=hit.text, meta=metadata_of(hit), score=hit.score)
                for hit in self._retriever.search(query, options).hits
            ]
        }

    def to_dict(self) -> dict[str, Any]:
        """For ``Pipeline.dumps``. Raises ``UsageError`` for one over a retriever."""
        if not self.index:
            raise UsageError(
                "A component over a client of your own cannot be written", "Make it with index= to write it"
            )
        written: dict[str, Any] = default_to_dict(
            self, index=self.index, top_k=self.top_k, filters=self.filters, options=self.options
        )
        return written

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> AuguryRetriever:
        """For ``Pipeline.loads``; nothing is opened yet."""
        made: AuguryRetriever = default_from_dict(cls, data)
        return made

    def close(self) -> None:
        """Let go of the index that was opened. A second call does nothing."""
        if self._opened is not None:
            opened, self._opened, self._retriever = self._opened, None, None
            opened.close()

    def _options(self, filters: dict[str, Any] | None, top_k: int) -> SearchOptions:
        filter: Filter | None = qdrant_filter(filters) if filters else None
        return SearchOptions(**{"limit": top_k, "filter": filter, **self.options})
