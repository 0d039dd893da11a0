"""``augury.attach(client, "kb", text_field="page_content")``: an index over a collection that an app owns."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from ...errors import IndexNotFound, UsageError
from ...models.encoder import DenseEncoder, SparseEncoder
from ...schemas.attach import AttachPlan, CollectionFacts
from ...schemas.collection import CollectionSpec
from ...schemas.connection import Connection
from ...schemas.profile import Adoption, Profile, VectorNames
from ...schemas.report import IngestReport
from ..index import Index
from ..index_models import IndexModels
from ..ingest.scenario_source import ScenarioSource
from ..lease import Lease
from ..reconcile import ProfileChange, changed, reconcile, stored_profile, without_address
from ..store.base import Store
from ..store.locate import open_store
from ..store.server_version import has, require_version
from .copy import Copy
from .dense import app_vector
from .fill import fill
from .inspect import inspect, require_server
from .layouts import proposed, share

if TYPE_CHECKING:
    from qdrant_client import QdrantClient

    from ..store.server import ServerStore

NAMES = VectorNames(
    dense="augury_dense",
    scenarios="augury_scenarios",
    sparse="augury_sparse",
    hypencoder="augury_hypencoder",
)
"""What vectors that are added are called."""
_METADATA = (1, 16), "collection metadata"
_NEW_VECTORS = (1, 18), "adding vectors to a collection"


def attach(
    where: QdrantClient | str,
    collection: str = "",
    *,
    text_field: str | None = None,
    title_field: str | None = None,
    id_field: str | None = None,
    metadata_field: str | None = None,
    dense_vector: str | None = None,
    in_place: bool | None = None,
    profile: ProfileChange | None = None,
    dense: DenseEncoder | None = None,
    sparse: SparseEncoder | None = None,
    scenarios: ScenarioSource | str | Path | None = None,
    connection: Connection | None = None,
    progress: Callable[[IngestReport], None] | None = None,
) -> Index:
    """``index = augury.attach(client, "kb")``: search an app's collection with Augury, in place.

    Its ids, vectors and payload keys stay as they are. Augury adds named vectors and one payload key,
    ``_augury``, to it or to a copy beside it. Run it again at any time: only what is new or changed is done.

    Args:
        where: the app's own client, which is left open, or ``http(s)://host:port/collection``.
        collection: its name, with a client.
        text_field, title_field, id_field, metadata_field: where the payload keeps these, dots lead inward;
            by default as the tool that wrote it does. Without an id field a document is called by its point.
        dense_vector: the app's vector that the dense model made; by default whichever is, on a sample.
        in_place: add vectors to the collection itself, or make a copy; by default in place where the server
            can (from 1.18 on) and the vectors have names: one without a name would be listed under the empty
            name for good, which some tools cannot open.
        profile: the choices to make it with, or a function that changes them.
        dense, sparse: models of your own instead of those the profile names.
        scenarios: as for ``Index.ingest``.
        connection: for a URL: how the server is reached; its key is by default that of ``QDRANT_API_KEY``.

    Raises:
        SourceError: no text is found. ModelMismatch: ``dense_vector`` is not the model's.
        IndexLocked: another attach is under way. Unsupported: the server is older than 1.16.
    """
    name = str(where) if isinstance(where, str) else collection
    store = open_collection(where, collection, connection)
    try:
        attachment = Attachment(
            store,
            name,
            text_field=text_field,
            title_field=title_field,
            id_field=id_field,
            metadata_field=metadata_field,
            dense_vector=dense_vector,
            in_place=in_place,
            profile=profile,
            dense=dense,
            sparse=sparse,
        )
        attachment.run(scenarios, progress=progress)
        return attachment.index()
    except BaseException:
        store.close()
        raise


def open_collection(
    where: QdrantClient | str, collection: str = "", connection: Connection | None = None
) -> Store:
    """The store of a collection, of an app's client or by its URL. Raises ``UsageError``."""
    if isinstance(where, str):
        if collection:
            raise UsageError("A URL names its collection", f"Leave {collection!r} out, or give a client")
        return open_store(where, create=False, connection=connection)
    from ..store.server import ServerStore

    if not collection:
        raise UsageError("A client needs the name of a collection", 'Call it as attach(client, "kb")')
    return ServerStore(where, collection)


class Attachment:
    """``Attachment(store, "kb").plan`` tells what ``run`` would do; the arguments are those of ``attach``."""

    def __init__(
        self,
        store: Store,
        where: str,
        *,
        text_field: str | None = None,
        title_field: str | None = None,
        id_field: str | None = None,
        metadata_field: str | None = None,
        dense_vector: str | None = None,
        in_place: bool | None = None,
        profile: ProfileChange | None = None,
        dense: DenseEncoder | None = None,
        sparse: SparseEncoder | None = None,
    ) -> None:
        self._where = where
        self._store = require_server(store, where)
        self._fields = {
            "text": text_field,
            "title": title_field,
            "doc_id": id_field,
            "metadata": metadata_field,
        }
        self._dense_vector = dense_vector
        self._in_place = in_place
        self._change = profile
        self._dense = dense
        self._sparse = sparse
        self._profile = Profile()
        self._models = IndexModels(where, lambda: self._profile, dense=dense, sparse=sparse)
        self._copy = Copy(self._store)

    @cached_property
    def plan(self) -> AttachPlan:
        """What will be done. Nothing is written; the dense model is loaded and tried on a few points."""
        facts, sample = inspect(self._store, self._where)
        require_version(facts.engine_version, _METADATA, self._where)
        again = self._stored()
        payloads = [record.payload for record in sample]
        layout_name, layout = proposed(payloads, facts.fields, self._where, **self._fields)
        notes: list[str] = []
        if again is not None:
            self._profile = self._again(again)
            layout_name, layout = again.adopted.layout if again.adopted else "", again.payload
            there = {*facts.indexes, *(again.adopted.indexes if again.adopted else ())}
            kept = {field: kind for field, kind in self._profile.indexes.items() if field in there}
            self._profile = self._profile.model_copy(update={"indexes": kept})  # the app may drop its own
        else:
            self._refuse_leftovers(facts.fields, [vector.name for vector in facts.vectors])
            wanted = self._models.named_in(changed(Profile(), self._change), made=False)
            self._profile = wanted.model_copy(update={"payload": layout})
            self._profile = self._models.recorded_in(self._profile)
            theirs = app_vector(
                self._store, facts.vectors, sample, layout, self._models.dense, self._dense_vector
            )
            notes.append(theirs.reason)
            self._profile = _adopting(self._profile, layout_name, theirs.name, facts.indexes)
        copied = self._why_copied(facts, again)
        live = not copied
        plan = AttachPlan(
            facts=facts,
            way="live" if live else "copy",
            index=self._where if live else self._copy.index_of(self._where),
            again=again is not None,
            layout=layout_name,
            text_share=share(payloads, layout),
            profile=self._profile,
        )
        return plan.model_copy(
            update={"steps": tuple(_steps(plan, notes, self._copy.sentence(copied) if copied else ""))}
        )

    def run(
        self,
        scenarios: ScenarioSource | str | Path | None = None,
        *,
        progress: Callable[[IngestReport], None] | None = None,
    ) -> IngestReport:
        """Do what the plan says. Killed at any moment, it is finished by running it again."""
        plan = self.plan
        with Lease(self._store.live, self._where, "attach") as lease:
            self._profile = plan.profile
            if plan.way == "copy":
                self._profile = self._copy.make(self._profile)
            index_store = self._index_store()
            if plan.way == "live":
                self._add(index_store)
            source = self.index().scenario_source(scenarios)
            try:
                report = fill(
                    index_store,
                    self._profile,
                    self._models,
                    scenarios=source,
                    keep_scenarios=scenarios is None,
                    check=lease.check,
                    progress=progress,
                )
            finally:
                if source is not None and source is not scenarios:
                    source.close()
            if plan.way == "copy":
                self._copy.take_over(self._profile)
        return report

    def index(self) -> Index:
        """The index over the collection. Raises ``IndexNotFound`` where it is not attached."""
        store = self._index_store()
        index = Index(self.plan.index, store, create=False, dense=self._dense, sparse=self._sparse)
        index.models = self._models  # loaded already
        return index

    def _index_store(self) -> ServerStore:
        return self._store if self.plan.way == "live" else self._copy.store

    def _add(self, store: ServerStore) -> None:
        """The profile first, so that whatever stops this, detaching knows what to take away."""
        profile = self._profile
        assert profile.adopted is not None
        store.set_metadata(without_address(profile).model_dump(mode="json"))
        spec = profile.collection()
        store.live.add(
            CollectionSpec(
                vectors={
                    name: each for name, each in spec.vectors.items() if name in profile.adopted.vectors
                },
                sparse={name: each for name, each in spec.sparse.items() if name in profile.adopted.vectors},
                indexes=spec.indexes,
            )
        )
        store.ensure(spec)

    def _stored(self) -> Profile | None:
        """The profile of an earlier attach, to the collection or to its copy."""
        for store in (self._store, self._copy.store):
            metadata = store.metadata() if store.exists() else None
            if metadata is None:
                continue
            stored = stored_profile(self._where, metadata)
            if stored.adopted is None:
                raise UsageError(
                    f"{self._where} is an index that Augury made, and needs no attaching",
                    f"Search it: augury search {self._where}",
                )
            return stored
        return None

    def _again(self, stored: Profile) -> Profile:
        layout = stored.payload
        for part, given in self._fields.items():
            if given is not None and given != getattr(layout, part):
                raise UsageError(
                    f"{self._where} is attached with {part} from {getattr(layout, part)!r}, not {given!r}",
                    f"Leave the option out, or start anew: augury detach {self._where}",
                )
        return reconcile(stored, self._models.named_in(changed(stored, self._change), made=True))

    def _why_copied(self, facts: CollectionFacts, stored: Profile | None) -> str:
        """Why the index is a copy; empty where it is the collection itself."""
        if stored is not None and stored.adopted is not None:
            copied = bool(stored.adopted.copy_of and not stored.adopted.alias)
            if self._in_place is not None and self._in_place == copied:
                raise UsageError(
                    f"{self._where} is attached {'by a copy' if copied else 'in place'}",
                    f"Leave the option out, or start anew: augury detach {self._where}",
                )
            return "The app goes on with the collection" if copied else ""
        version = facts.engine_version
        if self._in_place:
            require_version(version, _NEW_VECTORS, self._where)
            return ""
        if not has(version, _NEW_VECTORS):
            return f"Qdrant {version} cannot add vectors to a collection"
        if any(vector.name == "" for vector in facts.vectors):
            return "The collection's vector has no name, and adding others would give it one for good"
        return "A copy was asked for" if self._in_place is False else ""

    def _refuse_leftovers(self, fields: dict[str, float], vectors: list[str]) -> None:
        taken = sorted({NAMES.dense, NAMES.scenarios, NAMES.sparse, NAMES.hypencoder} & set(vectors))
        if taken:
            raise IndexNotFound(
                f"{self._where} has a vector {taken[0]!r}, but no record of what attached it",
                "Remove it with the tool that made it, or restore the collection's metadata",
            )


def _adopting(profile: Profile, layout: str, theirs: str | None, indexes: dict[str, str]) -> Profile:
    """The profile for the app's collection: its own names, no cutting, and what will be added."""
    names = NAMES if theirs is None else NAMES.model_copy(update={"dense": theirs})
    adopted = Adoption(layout=layout)
    made = profile.model_copy(
        update={
            "names": names,
            "adopted": adopted,
            "chunk": profile.chunk.model_copy(update={"mode": "none"}),
            "indexes": {**indexes, **profile.indexes},
        }
    )
    spec = made.collection()
    added = tuple(name for name in (*spec.vectors, *spec.sparse) if name != theirs)
    new = tuple(field for field in made.payload_indexes if field not in indexes)
    return made.model_copy(update={"adopted": Adoption(layout=layout, vectors=added, indexes=new)})


def _steps(plan: AttachPlan, notes: list[str], copied: str) -> list[str]:
    adopted = plan.profile.adopted
    assert adopted is not None
    own = plan.profile.payload.own
    steps = [f"{note[0].upper()}{note[1:]}." for note in notes]
    if plan.way == "copy":
        steps.append(copied)
    elif not plan.again:
        steps.append(f"Add the vectors {', '.join(adopted.vectors)} to the collection.")
        steps.append(f"Add the payload indexes {', '.join(adopted.indexes)}.")
    todo = "every point with text" if not plan.again else "points that are new or changed"
    steps.append(f"Give {todo} these vectors, and bookkeeping under the payload key {own}.")
    steps.append(
        "Ids, vectors and payload keys of the app stay as they are; augury detach takes it all back."
    )
    return steps
