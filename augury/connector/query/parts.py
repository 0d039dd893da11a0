"""From a collection's stored profile to what searches it: ``search_parts("papers", metadata, options)``."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple, TypedDict

from ...errors import IndexNotFound
from ...models.encoder import DenseEncoder, SparseEncoder
from ...models.reranker import TextReranker, VectorReranker
from ...schemas.profile import Profile
from ..index_models import IndexModels
from ..reconcile import ProfileChange, changed, reconcile, refuse_unfinished, stored_profile
from .answers import Rerankers
from .expand import Expander, connect_llm
from .rules import Rules


class RetrieverOptions(TypedDict, total=False):
    """What a retriever can be given of one's own.

    Attributes:
        profile: choices for these searches, or a function that changes the stored ones. The models and the
            alpha that the index was made with stay.
        dense, sparse, hypencoder, cross_encoder: models instead of those the profile names.
        rules: a TOML file of abbreviations and synonyms for query expansion.
    """

    profile: ProfileChange
    dense: DenseEncoder
    sparse: SparseEncoder
    hypencoder: VectorReranker
    cross_encoder: TextReranker
    rules: str | Path


class SearchParts(NamedTuple):
    """What a retriever is made of, but for the store."""

    profile: Profile
    dense: DenseEncoder
    sparse: SparseEncoder | None
    expander: Expander | None = None
    rerankers: Rerankers | None = None


def search_parts(where: str, metadata: dict[str, Any] | None, options: RetrieverOptions) -> SearchParts:
    """The parts that a stored profile names; loads the encoders, and a reranker when one is used.

    Args:
        where: what errors call the collection.
        metadata: what is stored with it.

    Raises:
        IndexNotFound: the collection has no profile: Augury has not been there.
        IndexUnfinished: a refold was interrupted.
        ModelNotFound, ModelMismatch, StoreError, UsageError
    """
    if metadata is None:
        raise IndexNotFound(
            f"{where} is there, but it is no index of Augury",
            "Give it Augury's vectors first, with: augury attach (its points stay as they are)",
        )
    rules = Rules.read(Path(options["rules"])) if "rules" in options else None
    stored = stored_profile(where, metadata)
    models = IndexModels(
        where,
        lambda: profile,
        dense=options.get("dense"),
        sparse=options.get("sparse"),
        hypencoder=options.get("hypencoder"),
        cross_encoder=options.get("cross_encoder"),
    )
    profile = reconcile(stored, models.named_in(changed(stored, options.get("profile")), made=True))
    refuse_unfinished(profile, where, "INDEX")
    expander = Expander(profile.expansion, llm=lambda: connect_llm(profile.llm), rules=rules)
    return SearchParts(profile, models.dense, models.sparse, expander, models.reranker)
