"""The front door: ``augury.open`` gives an Index that ingests and searches."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal, Self

from pydantic import SecretStr

from ..errors import IndexMoved, IndexNotFound, UsageError
from ..models.encoder import DenseEncoder, SparseEncoder
from ..models.reranker import TextReranker, VectorReranker
from ..schemas.collection import IndexKind
from ..schemas.connection import Connection
from ..schemas.hit import Hit
from ..schemas.points import Filter
from ..schemas.profile import Profile
from ..schemas.report import IngestReport
from ..schemas.status import IndexStatus
from .fence import Fence, refuse_reindexing
from .index_models import IndexModels
from .index_status import index_status
from .ingest.ahead import ahead, encoder_texts
from .ingest.generator import ScenarioGenerator
from .ingest.pipeline import ingest
from .ingest.readable import SourceItem
from .ingest.refold import refold
from .ingest.scenario_source import ScenarioFile, ScenarioSource
from .ingest.select import WINDOW
from .ingest.tally import OnError
from .past import Past
from .query.async_retriever import AsyncRetriever
from .query.expand import Expander, connect_llm
from .query.parts import SearchParts
from .query.planner import SearchOptions
from .query.retriever import Retriever
from .query.rules import Rules
from .reconcile import (
    ProfileChange,
    changed,
    reconcile,
    refuse_unfinished,
    stored_profile,
    without_address,
)
from .store.base import Store
from .store.locate import open_store

if TYPE_CHECKING:
    from qdrant_client import AsyncQdrantClient


def open(
    where: str | Path,
    *,
    profile: ProfileChange | None = None,
    create: bool = True,
    dense: DenseEncoder | None = None,
    sparse: SparseEncoder | None = None,
    hypencoder: VectorReranker | None = None,
    cross_encoder: TextReranker | None = None,
    api_key: str | None = None,
    connection: Connection | None = None,
    rules: str | Path | None = None,
) -> Index:
    """``with augury.open("my-index") as index: index.ingest(documents); index.search("a need")``.

    Args:
        where: a folder (embedded engine), ``http(s)://host:port/collection``, or ``:memory:``.
        profile: the choices to make the index with, or a function that changes the ones it has. An
            index keeps the models and the alpha it was made with.
        create: make the index when it is not there; otherwise that is an ``IndexNotFound``.
        dense, sparse, hypencoder, cross_encoder: models of your own instead of those the profile names.
        api_key: for a server; by default the environment variable ``QDRANT_API_KEY``.
        connection: what else there is to say of a server: its certificate, its timeout, its gRPC port.
        rules: a TOML file of abbreviations and synonyms for query expansion.

    Raises:
        IndexNotFound, IndexLocked, ModelMismatch, StoreUnavailable
    """
    if api_key is not None:
        connection = (connection or Connection()).model_copy(update={"api_key": SecretStr(api_key)})
    store = open_store(where, create=create, connection=connection)
    try:
        return Index(
            str(where),
            store,
            profile=profile,
            create=create,
            dense=dense,
            sparse=sparse,
            hypencoder=hypencoder,
            cross_encoder=cross_encoder,
            rules=rules,
        )
    except BaseException:
        store.close()
        raise


class Index:
    """An open index. Close it, or use it in a ``with`` block; ``augury.open`` makes one."""

    def __init__(
        self,
        where: str,
        store: Store,
        *,
        profile: ProfileChange | None = None,
        create: bool = True,
        dense: DenseEncoder | None = None,
        sparse: SparseEncoder | None = None,
        hypencoder: VectorReranker | None = None,
        cross_encoder: TextReranker | None = None,
        rules: str | Path | None = None,
    ) -> None:
        self.where = where
        store.settle()
        self.past = Past()
        self._rules = Rules.read(Path(rules)) if rules is not None else None
        self.store = store
        self.models = IndexModels(
            where,
            lambda: self.profile,
            dense=dense,
            sparse=sparse,
            hypencoder=hypencoder,
            cross_encoder=cross_encoder,
        )
        metadata = store.metadata() if store.exists() else None
        if metadata is None:
            self._refuse_foreign(create)
            self.profile = self.models.named_in(changed(Profile(), profile), made=False)
            self._made = False
        else:
            stored = stored_profile(self.where, metadata)
            wanted = self.models.named_in(changed(stored, profile), made=True)
            self.profile = reconcile(stored, wanted)
            self._made = True

    def ingest(
        self,
        documents: Iterable[SourceItem],
        *,
        scenarios: ScenarioSource | str | Path | Literal["none", "llm"] | None = None,
        sync: bool = False,
        repair: bool = False,
        on_error: OnError = "continue",
        dead_letters: Path | None = None,
        progress: Callable[[IngestReport], None] | None = None,
    ) -> IngestReport:
        """``index.ingest([Document(id="a", text="...")])`` writes what is new or changed.

        Args:
            documents: ``Document`` objects, or a source of ``augury.open_source``.
            scenarios: ``"llm"`` to have the profile's LLM write them, a scenario file, a scenario source,
                ``"none"`` to have none, or None to leave unchanged documents the ones they have.
            sync: delete documents of the index that ``documents`` does not have.
            repair: also redo passages whose scenarios are missing.
            on_error: ``stop`` raises the error of the first bad document.
            dead_letters: where to write documents that failed, as JSON Lines.
            progress: called with the running report.
        """
        if isinstance(documents, str | Path):
            raise UsageError(
                f"{documents} is a path, not documents", "Open it first: augury.open_source(path)"
            )
        refuse_unfinished(self.profile, self.where, self.where)
        if self.profile.adopted:
            raise UsageError(
                f"The points of {self.where} are written by the app that they belong to",
                f"Write them there, then have Augury pick them up: augury attach {self.where}",
            )
        if repair and scenarios in (None, "none"):
            raise UsageError(
                "There is nothing to repair missing scenarios with",
                "Say where they come from with --scenarios",
            )
        while True:
            before = self.store.generation
            try:
                return self._ingest(
                    documents,
                    scenarios,
                    sync=sync,
                    repair=repair,
                    on_error=on_error,
                    dead_letters=dead_letters,
                    progress=progress,
                )
            except IndexMoved:
                if isinstance(documents, Iterator) or getattr(documents, "once", False):
                    raise
                self.follow()
                if self.store.generation == before:  # opened by a name that leads nowhere else
                    raise

    def _ingest(
        self,
        documents: Iterable[SourceItem],
        scenarios: ScenarioSource | str | Path | None,
        **options: Any,
    ) -> IngestReport:
        fence = Fence(self.store, self.where)
        source = self.scenario_source(scenarios)
        try:
            fence.check()
            if not self._made and self.models.bm25_to_fit:
                first, documents = ahead(documents, WINDOW)
                self.models.fit_bm25(encoder_texts(first, self.profile.chunk))
            notes = self.make()
            report = ingest(
                documents,
                self.store,
                self.profile,
                self.models.dense,
                self.models.sparse,
                self.models.hypencoder if self.profile.own_hypencoder else None,
                scenarios=source,
                keep_scenarios=scenarios is None,
                fence=fence,
                **options,
            )
            report.notes[:0] = notes
            return report
        finally:
            if source is not None and source is not scenarios:
                source.close()

    def follow(self) -> None:
        """Go on with the generation that the index's name leads to, after a re-index elsewhere."""
        if (current := self.store.current()) != self.store.generation:
            store = self.past.at(self.store, current)
            stored = stored_profile(self.where, store.metadata())
            wanted = self.models.named_in(stored, made=True)
            self.take(store, reconcile(stored, wanted), self.models.anew(stored))

    def take(self, store: Store, profile: Profile, models: IndexModels) -> None:
        """Go on with another generation. The old one's store stays open, for searches that are under way."""
        self.models.serve(lambda before=self.profile: before)  # type: ignore[misc]
        self.past.keep(self.store)
        self.store, self.profile, self.models = store, profile, models
        models.serve(lambda: self.profile)
        self.__dict__.pop("retriever", None)

    def search(
        self, query: str, *, limit: int = 10, filter: Filter | None = None, **options: Any
    ) -> list[Hit]:
        """``index.search("a need", limit=5)`` returns the best documents.

        Args:
            filter: a Qdrant filter as a dict; metadata fields are under ``metadata.``.
            options: the other fields of ``SearchOptions``, such as ``branches``, ``alpha``, ``expand``,
                ``rerank`` and ``group``; what is left out follows the profile.
        """
        return self.retriever.search(query, SearchOptions(limit=limit, filter=filter, **options)).hits

    @cached_property
    def retriever(self) -> Retriever:
        """Searches with plans, timings and batches; loads the encoders, and a reranker when one is used."""
        refuse_unfinished(self.profile, self.where, self.where)
        self._refuse_unmade()
        return Retriever.over(
            self.store,
            SearchParts(
                self.profile,
                self.models.dense,
                self.models.sparse,
                self._expander,
                self.models.reranker,
            ),
        )

    def async_retriever(self, client: AsyncQdrantClient | None = None) -> AsyncRetriever:
        """``async with index.async_retriever() as retriever: await retriever.search("a need")``.

        A server is asked through an ``AsyncQdrantClient``, an embedded index in a worker thread.

        Args:
            client: the app's own, for the same server; it is left open.
        """
        return AsyncRetriever.over(self.retriever, self.store.awaitable(client))

    @cached_property
    def _expander(self) -> Expander:
        return Expander(self.profile.expansion, llm=lambda: connect_llm(self.profile.llm), rules=self._rules)

    def add_filter_fields(self, fields: Mapping[str, IndexKind]) -> None:
        """``index.add_filter_fields({"metadata.year": "integer"})`` makes payload indexes for filters.

        Raises ``UsageError`` where a field is indexed as something else.
        """
        wanted = {self.profile.payload.path(field): kind for field, kind in fields.items()}
        new = tuple(field for field in wanted if field not in self.profile.indexes)

        def indexed(profile: Profile) -> Profile:
            update: dict[str, Any] = {"indexes": {**profile.indexes, **wanted}}
            if adopted := profile.adopted:
                update["adopted"] = adopted.model_copy(update={"indexes": (*adopted.indexes, *new)})
            return profile.model_copy(update=update)

        self.change(indexed)

    def change(self, profile: ProfileChange) -> None:
        """``index.change(lambda profile: profile.model_copy(update={"search": ...}))`` stores other choices.

        Raises ``ModelMismatch`` or ``UsageError`` for what cannot change under stored vectors.
        """
        self._refuse_unmade()
        self.profile = reconcile(self.profile, changed(self.profile, profile))
        self.__dict__.pop("retriever", None)
        self.make()

    def refold(self, alpha: float, *, progress: Callable[[int, int], None] | None = None) -> None:
        """Give the index another alpha from its own vectors, without an encoder or an LLM."""
        self._refuse_unmade()
        refuse_reindexing(self.store, self.where)
        self.__dict__.pop("retriever", None)
        try:
            self.profile = refold(self.store, self.profile, alpha, progress=progress)
        except BaseException:
            self.profile = stored_profile(self.where, self.store.metadata())
            raise

    def status(self) -> IndexStatus:
        """Counts and settings; loads no model."""
        self._refuse_unmade()
        return index_status(self.store, self.profile, self.where)

    def make(self) -> tuple[str, ...]:
        """Make the collection and store the profile, where that has not been done or they changed.

        Returns:
            Sentences on choices that the engine has no use for, when it is made.
        """
        self.profile = self.models.recorded_in(self.profile)
        profile = without_address(self.profile).model_dump(mode="json")
        changes = not self._made or self.store.metadata() != profile
        if changes and self._made:
            refuse_reindexing(self.store, self.where)
        notes = self.store.ensure(self.profile.collection())
        if changes:
            self.store.set_metadata(profile)
            self._made = True
        return notes

    def close(self) -> None:
        """Release the index for other processes."""
        try:
            if "_expander" in self.__dict__:
                self._expander.close()
        finally:
            self.past.close()
            self.store.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def scenario_source(self, scenarios: ScenarioSource | str | Path | None) -> ScenarioSource | None:
        """Where scenarios come from, as ``ingest`` takes it. Close what it made."""
        if scenarios is None or scenarios == "none":
            return None
        if scenarios == "llm":
            from ..models.llm.client import LlmClient

            llm = LlmClient.with_cache(self.profile.llm)
            try:
                return ScenarioGenerator(llm, self.profile.generation)
            except BaseException:
                llm.close()
                raise
        return ScenarioFile(Path(scenarios)) if isinstance(scenarios, str | Path) else scenarios

    def _refuse_foreign(self, create: bool) -> None:
        if not create:
            raise IndexNotFound(
                f"There is no index at {self.where}", "Make one with: augury ingest SOURCE --to INDEX"
            )
        if self.store.exists() and self.store.count() > 0:
            raise IndexNotFound(
                f"{self.where} holds points that Augury did not write", "Choose another collection name"
            )

    def _refuse_unmade(self) -> None:
        if not self._made:
            raise IndexNotFound(f"Nothing has been ingested into {self.where} yet", "Call ingest first")
