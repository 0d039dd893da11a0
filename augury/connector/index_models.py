"""The models of an index: loaded when first wanted, and checked against those it was made with."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Any

from ..errors import ModelError, ModelMismatch, UsageError
from ..models.encoder import DenseEncoder, SparseEncoder
from ..models.reranker import TextReranker, VectorReranker
from ..schemas.profile import HypencoderProfile, Profile, RerankKind


class IndexModels:
    """``IndexModels("my-index", lambda: profile).dense``.

    Args:
        where: what to call the index in errors.
        profile: gives its profile as it is now.
        dense, sparse, hypencoder, cross_encoder: models of the user's own instead of those it names.
    """

    def __init__(
        self,
        where: str,
        profile: Callable[[], Profile],
        *,
        dense: DenseEncoder | None = None,
        sparse: SparseEncoder | None = None,
        hypencoder: VectorReranker | None = None,
        cross_encoder: TextReranker | None = None,
    ) -> None:
        self._where = where
        self._profile = profile
        self._dense = dense
        self._sparse = sparse
        self._hypencoder = hypencoder
        self._cross_encoder = cross_encoder

    def anew(
        self,
        profile: Profile,
        *,
        dense: DenseEncoder | None = None,
        sparse: SparseEncoder | None = None,
        hypencoder: VectorReranker | None = None,
    ) -> IndexModels:
        """The models of another profile: those given, and of the user's own ones those that it names."""
        mine = {"dense": self._dense, "sparse": self._sparse, "hypencoder": self._hypencoder}
        given: dict[str, Any] = {"dense": dense, "sparse": sparse, "hypencoder": hypencoder}
        for kind, model in mine.items():
            part = getattr(profile, kind)
            if given[kind] is None and model is not None and part is not None and part.model == model.name:
                given[kind] = model
        return IndexModels(self._where, lambda: profile, cross_encoder=self._cross_encoder, **given)

    def serve(self, profile: Callable[[], Profile]) -> None:
        """Be the models of an index whose profile is this."""
        self._profile = profile

    @cached_property
    def dense(self) -> DenseEncoder:
        """The dense encoder."""
        wanted = self._profile().dense
        encoder = self._dense
        if encoder is None:
            from ..models.dense import load_dense

            encoder = load_dense(
                wanted.model, query_prompt=wanted.query_prompt, document_prompt=wanted.document_prompt
            )
        self._check("dense", wanted.model, wanted.revision, encoder.revision)
        return encoder

    @cached_property
    def sparse(self) -> SparseEncoder | None:
        """The sparse encoder; None if the profile has none."""
        wanted = self._profile().sparse
        if wanted is None:
            return None
        encoder = self._sparse
        if encoder is None:
            from ..models.bm25 import Bm25Encoder, is_bm25
            from ..models.sparse import load_sparse

            if is_bm25(wanted.model):
                encoder = Bm25Encoder.named(wanted.model, wanted.revision)
            else:
                encoder = load_sparse(wanted.model)
        self._check("sparse", wanted.model, wanted.revision, encoder.revision)
        return encoder

    @property
    def bm25_to_fit(self) -> bool:
        """Whether the sparse encoder is a BM25 that nobody has told how long a usual passage is."""
        from ..models.bm25 import Bm25Encoder

        return isinstance(self.sparse, Bm25Encoder) and self.sparse.measures_length

    def fit_bm25(self, texts: Sequence[str]) -> None:
        """Give BM25 the average length of these texts, the first of a new index."""
        from ..models.bm25 import Bm25Encoder

        assert isinstance(self.sparse, Bm25Encoder)
        self.sparse = self.sparse.fitted(texts)

    @cached_property
    def hypencoder(self) -> VectorReranker:
        """The Hypencoder. Raises ``ModelError`` if its q-nets were made for other vectors."""
        profile = self._profile()
        wanted = profile.hypencoder
        if wanted is None:
            raise UsageError("This index names no Hypencoder", "Name one with --hypencoder MODEL")
        model = self._hypencoder
        if model is None:
            from ..models.hypencoder import load_hypencoder

            model = load_hypencoder(wanted.model)
        if wanted.reads == "own":  # the other kind may be trained anew at any time
            self._check("hypencoder", wanted.model, wanted.revision, model.revision)
        width = wanted.dim if wanted.reads == "own" else profile.dense.dim or self.dense.dim
        if width and model.dim != width:
            raise ModelError(
                f"The q-nets of {model.name} read vectors of {model.dim} numbers, and those of {self._where} "
                f"have {width}",
                "Use a Hypencoder that was made for these vectors",
            )
        made_for = getattr(model, "base_revision", "")  # a user's own model need not say
        if wanted.reads == "dense" and made_for:
            stored = profile.dense.revision or self.dense.revision
            if made_for != stored:
                raise ModelError(
                    f"{model.name} was made for vectors of revision {made_for[:12]} of its base, and those "
                    f"of {self._where} are of {profile.dense.model}, revision {stored[:12]}",
                    "Use a Hypencoder that was made for these vectors",
                )
        return model

    @cached_property
    def cross_encoder(self) -> TextReranker:
        """The cross-encoder that the profile names."""
        if self._cross_encoder is not None:
            return self._cross_encoder
        from ..models.cross_encoder import load_cross_encoder

        return load_cross_encoder(self._profile().rerank.cross_encoder)

    def reranker(self, kind: RerankKind) -> VectorReranker | TextReranker:
        """The one that a plan asks for."""
        return self.hypencoder if kind == "hypencoder" else self.cross_encoder

    def named_in(self, profile: Profile, *, made: bool) -> Profile:
        """The profile with the names of the user's own models.

        Args:
            made: whether the index is there; a Hypencoder that it does not know then reads the dense vectors.
        """
        update: dict[str, Any] = {}
        if self._dense is not None:
            update["dense"] = profile.dense.model_copy(update={"model": self._dense.name})
        if self._sparse is not None and profile.sparse is not None:
            update["sparse"] = profile.sparse.model_copy(update={"model": self._sparse.name})
        if self._hypencoder is not None:
            name, known = self._hypencoder.name, profile.hypencoder
            if known is not None and known.model in ("", name):
                update["hypencoder"] = known.model_copy(update={"model": name})
            else:
                reads = "dense" if known is None and made else known.reads if known else "own"
                update["hypencoder"] = HypencoderProfile(model=name, reads=reads)
        if self._cross_encoder is not None:
            update["rerank"] = profile.rerank.model_copy(update={"cross_encoder": self._cross_encoder.name})
        return profile.model_copy(update=update)

    def recorded_in(self, profile: Profile) -> Profile:
        """The profile with the revisions and widths that it does not have yet; loads those models."""
        update: dict[str, Any] = {}
        if not profile.dense.revision:
            found = {"revision": self.dense.revision, "dim": self.dense.dim}
            update["dense"] = profile.dense.model_copy(update=found)
        if profile.sparse is not None and not profile.sparse.revision and self.sparse is not None:
            terms = {"revision": self.sparse.revision, "idf": self.sparse.idf}
            update["sparse"] = profile.sparse.model_copy(update=terms)
        if profile.hypencoder is not None and not profile.hypencoder.revision:
            read = {"revision": self.hypencoder.revision, "dim": self.hypencoder.dim}
            update["hypencoder"] = profile.hypencoder.model_copy(update=read)
        return profile.model_copy(update=update)

    def _check(self, kind: str, model: str, stored: str, loaded: str) -> None:
        if stored and stored != loaded:
            raise ModelMismatch(
                f"{self._where} was made with revision {stored[:12]} of the {kind} model {model}, "
                f"but the one found here is {loaded[:12]}",
                "Bring back that revision, or ingest into a new index",
            )
