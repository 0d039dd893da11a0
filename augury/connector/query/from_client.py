"""An index that an app's own client can reach, opened for searching."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from ...errors import IndexNotFound
from ...models.encoder import DenseEncoder, SparseEncoder
from ...schemas.attach import COPY_SUFFIX
from ...schemas.profile import Profile
from ..index_models import IndexModels
from ..reconcile import refuse_unfinished, stored_profile
from ..store.base import Store
from .answers import Rerankers
from .expand import Expander

if TYPE_CHECKING:
    from ...models.llm.client import LlmClient
    from ..store.server import ServerStore


class Opened(NamedTuple):
    """What a retriever is made of."""

    store: Store
    profile: Profile
    dense: DenseEncoder
    sparse: SparseEncoder | None
    expander: Expander
    rerankers: Rerankers


def open_client(
    client: Any, collection: str, dense: DenseEncoder | None, sparse: SparseEncoder | None
) -> Opened:
    """``open_client(QdrantClient(...), "kb", None, None)``, with the models its profile names.

    Raises ``IndexNotFound`` where the collection is not there or is no index.
    """
    from ..store.server import ServerStore

    store = ServerStore(client, collection)
    metadata = store.metadata()
    if metadata is None and (copy := _copy_of(store, collection)).exists():
        store, metadata = copy, copy.metadata()  # the index of a collection that an app goes on with
    if metadata is None:
        missing = "is not an index" if store.exists() else "is not there"
        raise IndexNotFound(
            f"The collection {collection!r} {missing}",
            f'Attach to it first: augury.attach(client, "{collection}")',
        )
    profile = stored_profile(collection, metadata)
    refuse_unfinished(collection, profile)
    models = IndexModels(collection, lambda: profile, dense=dense, sparse=sparse)
    return Opened(
        store,
        profile,
        models.dense,
        models.sparse,
        Expander(profile.expansion, llm=lambda: _llm(profile)),
        models.reranker,
    )


def _copy_of(store: ServerStore, collection: str) -> ServerStore:
    return store.beside(f"{store.live.alias_of() or collection}{COPY_SUFFIX}")


def _llm(profile: Profile) -> LlmClient:
    from ...models.llm.client import LlmClient

    return LlmClient.with_cache(profile.llm.impatient())
