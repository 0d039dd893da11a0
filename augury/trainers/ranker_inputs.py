"""What a ``Ranker`` reads of queries and passages, by their place: encoded once, or as tokens.

Where the encoder is frozen, a query's token states and a passage's vector never change. They are made once
and lie in files of the workplace, so that a step costs no more than the hyper-head and the q-nets.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from filelock import FileLock
from torch import Tensor

from ..models.dense import load_dense
from ..models.device import pick_device, pick_dtype
from ..models.hypencoder import Hypencoder, padded, placed
from ..models.hypernetwork import HypencoderNetwork
from ..schemas.document import encoder_text
from ..schemas.points import FloatArray
from .encoded_once import encoded
from .fitting import precision_of
from .gate import Progress
from .hypencoder_config import HypencoderTraining
from .prepared import Prepared
from .ranker import Ranker

_QUERIES_AT_ONCE = 32


@dataclass(frozen=True)
class Texts:
    """Every text once: queries of the rows in their order, then those of the evaluation; passages.

    Attributes:
        rows: queries that are trained on come first, so many.
        place: of each passage.
    """

    queries: list[str]
    rows: int
    place: dict[str, int]

    @classmethod
    def of(cls, prepared: Prepared) -> Texts:
        """Those of the rows and of the evaluation."""
        queries = [row.query for row in prepared.rows]
        passages = [text for row in prepared.rows for text in (row.positive, *row.negatives)]
        passages += [encoder_text(document.title, document.text) for document in prepared.dev.corpus]
        place = {text: number for number, text in enumerate(dict.fromkeys(passages))}
        return cls([*queries, *prepared.dev.dataset.queries.values()], len(queries), place)


class RankerInputs(Protocol):
    """Where a trainer gets its batches and an evaluation its scores."""

    def queries(self, places: Sequence[int]) -> dict[str, Tensor]:
        """As ``Ranker`` reads them."""
        ...

    def passages(self, places: Sequence[int]) -> dict[str, Tensor]:
        """As ``Ranker`` reads them."""
        ...

    def scores(
        self, ranker: Ranker, queries: Sequence[int], candidates: Sequence[np.ndarray[Any, Any]]
    ) -> list[FloatArray]:
        """For each query the scores of its candidates, which are places of passages."""
        ...


class Encoded:
    """``Encoded(network, config, texts, first_stage, folder, progress)``: encoded once.

    Args:
        first_stage: the dense model whose vectors q-nets read, if they read those of an index.
    """

    def __init__(
        self,
        network: HypencoderNetwork,
        config: HypencoderTraining,
        texts: Texts,
        first_stage: str,
        folder: Path,
        progress: Progress,
    ) -> None:
        device = pick_device(config.device)
        exact = precision_of(config) is None
        # A copy, as the one that is trained stays in float32.
        frozen = placed(copy.deepcopy(network), device, torch.float32 if exact else pick_dtype(device))
        model = Hypencoder(frozen, name=config.base, revision="")
        encode: Callable[[Sequence[str]], FloatArray] = model.encode_documents
        folder.mkdir(parents=True, exist_ok=True)
        with FileLock(folder / ".lock"):  # of several processes, the first one does it
            ids = model.query_tokens(texts.queries)

            def states(part: slice) -> FloatArray:
                made = {place: rows for place, *rows in model.query_states(ids[part])}
                return np.concatenate([np.vstack(made[place]) for place in range(len(made))])

            # Of a query its token states, and after them its vector.
            self._ends = np.cumsum([len(own) + 1 for own in ids])
            self._states = encoded(
                folder / "queries.npy",
                self._ends,
                network.config.width,
                states,
                lambda done, total: progress("Encoding queries", done, total),
            )
            if config.reads == "dense":
                dense = load_dense(first_stage, device=config.device, dtype="float32" if exact else None)
                encode = dense.encode_documents
            passages = list(texts.place)
            self._vectors = encoded(
                folder / "passages.npy",
                np.arange(1, len(passages) + 1),
                network.dim,
                lambda part: encode(passages[part]),
                lambda done, total: progress("Encoding passages", done, total),
            )

    def queries(self, places: Sequence[int]) -> dict[str, Tensor]:
        """Token states, mask and vector."""
        own = [self._states[self._ends[place - 1] if place else 0 : self._ends[place]] for place in places]
        width = max(len(rows) for rows in own) - 1
        states = torch.zeros(len(own), width, own[0].shape[1])
        mask = torch.zeros(len(own), width, dtype=torch.long)
        for number, rows in enumerate(own):
            states[number, : len(rows) - 1] = torch.from_numpy(rows[:-1].astype(np.float32))
            mask[number, : len(rows) - 1] = 1
        vectors = torch.from_numpy(np.stack([rows[-1] for rows in own]).astype(np.float32))
        return {"states": states, "attention_mask": mask, "vectors": vectors}

    def passages(self, places: Sequence[int]) -> dict[str, Tensor]:
        """Vectors."""
        return {"vectors": torch.from_numpy(self.vectors(places))}

    def vectors(self, places: Sequence[int] | np.ndarray[Any, Any]) -> FloatArray:
        """Of passages, (places, dim)."""
        found: FloatArray = self._vectors[np.asarray(places, dtype=np.int64)]
        return found

    def query_vectors(self, places: Sequence[int]) -> FloatArray:
        """The queries' own vectors, (places, width)."""
        found: FloatArray = self._states[self._ends[np.asarray(places, dtype=np.int64)] - 1]
        return found

    def scores(
        self, ranker: Ranker, queries: Sequence[int], candidates: Sequence[np.ndarray[Any, Any]]
    ) -> list[FloatArray]:
        """As ``RankerInputs``; lists of one length."""
        device = next(ranker.parameters()).device
        found: list[FloatArray] = []
        with torch.inference_mode():
            for start in range(0, len(queries), _QUERIES_AT_ONCE):
                part = slice(start, start + _QUERIES_AT_ONCE)
                inputs = {name: tensor.to(device) for name, tensor in self.queries(queries[part]).items()}
                rows = np.stack([self.vectors(own) for own in candidates[part]])  # (queries, items, dim)
                scores = ranker.network.score(*ranker.qnets(inputs), torch.from_numpy(rows).to(device))
                found += list(scores.float().cpu().numpy())
        return found


class Tokenised:
    """``Tokenised(network, texts)``: token ids, for an encoder that is trained."""

    def __init__(self, network: HypencoderNetwork, texts: Texts) -> None:
        self._model = Hypencoder(network, name="The model in training", revision="")
        self._texts, self._passages = texts.queries, list(texts.place)
        self._query_ids = self._model.query_tokens(self._texts)
        self._passage_ids = self._model.passage_tokens(self._passages)
        self._filler = network.tokenizer.pad_token_id or 0

    def queries(self, places: Sequence[int]) -> dict[str, Tensor]:
        """Token ids and mask."""
        return self._inputs(self._query_ids, places)

    def passages(self, places: Sequence[int]) -> dict[str, Tensor]:
        """Token ids and mask."""
        return self._inputs(self._passage_ids, places)

    def scores(
        self, ranker: Ranker, queries: Sequence[int], candidates: Sequence[np.ndarray[Any, Any]]
    ) -> list[FloatArray]:
        """As ``RankerInputs``; every candidate is encoded anew."""
        wanted = np.unique(np.concatenate(list(candidates)))
        vectors = self._model.encode_documents([self._passages[place] for place in wanted])
        lists = [vectors[np.searchsorted(wanted, own)] for own in candidates]
        return self._model.score([self._texts[place] for place in queries], lists)

    def _inputs(self, ids: list[list[int]], places: Sequence[int]) -> dict[str, Tensor]:
        tokens, mask = padded([ids[place] for place in places], self._filler)
        return {"input_ids": tokens, "attention_mask": mask}
