"""What a Hypencoder in training is worth: the best hits of the first stage, in its order.

This is what chooses the best checkpoint: the first stage's order is found once, exactly, and each evaluation
scores its best documents again, as a search does it. The gate then measures through an index.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from filelock import FileLock

from ..connector.query.fuse import unit_scaled
from ..evaluation.measure import per_query
from ..models.dense import load_dense
from ..models.device import pick_device
from ..schemas.document import encoder_text
from ..schemas.points import FloatArray
from .hypencoder_config import HypencoderTraining
from .prepared import Dev
from .ranker import Ranker
from .ranker_inputs import Encoded, RankerInputs, Texts

_ORDER = "first-stage.npz"


class RerankedOrder:
    """``RerankedOrder(dev, texts, inputs, config, first_stage, folder)(ranker)["score"]``: the mean."""

    def __init__(
        self,
        dev: Dev,
        texts: Texts,
        inputs: RankerInputs,
        config: HypencoderTraining,
        first_stage: str,
        folder: Path,
    ) -> None:
        self._dev, self._inputs, self._config = dev, inputs, config
        self._first_stage = first_stage
        self._queries = list(dev.dataset.queries)
        self._places = range(texts.rows, len(texts.queries))
        found = [texts.place[encoder_text(document.title, document.text)] for document in dev.corpus]
        folder.mkdir(parents=True, exist_ok=True)
        with FileLock(folder / ".lock"):  # of several processes, the first one does it
            best, self._old = self._ordered(texts, found, folder)
        self._candidates = [np.array(found)[row] for row in best]
        ids = np.array([document.id for document in dev.corpus])
        self._ids: list[Any] = [ids[row] for row in best]

    def __call__(self, ranker: Ranker) -> dict[str, float]:
        ranker.eval()
        config, dataset = self._config, self._dev.dataset
        scores = self._inputs.scores(ranker, list(self._places), self._candidates)
        run: dict[str, dict[str, float]] = {}
        for query, ids, new, old in zip(self._queries, self._ids, scores, self._old, strict=True):
            weight = config.rerank_weight
            blend = weight * np.array(unit_scaled(new.tolist())) + (1 - weight) * np.array(
                unit_scaled(old.tolist())
            )
            dropped = dataset.dropped(query)
            # A run is read in the order it is in.
            order = np.argsort(-blend, kind="stable")
            run[query] = {str(ids[at]): float(blend[at]) for at in order if ids[at] not in dropped}
        values = per_query(dataset.qrels, run, [config.measure])[config.measure]
        return {"score": float(np.mean(list(values.values())))}

    def _ordered(self, texts: Texts, found: Sequence[int], folder: Path) -> tuple[Any, Any]:
        """For each query the places of its best documents in the corpus, and their similarity."""
        file = folder / _ORDER
        if file.is_file():
            kept = np.load(file, allow_pickle=False)
            return kept["best"], kept["scores"]
        documents: FloatArray
        queries: FloatArray
        if self._config.reads == "dense" and isinstance(self._inputs, Encoded):
            documents = self._inputs.vectors(found)
            queries = self._inputs.query_vectors(list(self._places))
        else:
            dense = load_dense(self._first_stage, device=pick_device(self._config.device))
            documents = dense.encode_documents(
                [encoder_text(document.title, document.text) for document in self._dev.corpus]
            )
            queries = dense.encode_queries(list(self._dev.dataset.queries.values()))
        best, scores = [], []
        for query in queries:
            own = documents @ query
            order = np.argsort(-own, kind="stable")[: self._config.rerank_depth]
            best.append(order)
            scores.append(own[order])
        beside = file.with_name(f".{file.name}")  # ends as numpy wants it to
        np.savez(beside, best=np.array(best), scores=np.array(scores))
        beside.replace(file)
        return np.array(best), np.array(scores)
