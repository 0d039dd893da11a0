"""Rerank with a network per query: ``load_hypencoder(name).score(queries, vectors)``.

Hypencoder: Killingback, Zeng and Zamani 2025, https://arxiv.org/abs/2502.05364. Passages are encoded once,
like those of a dense model; a query becomes a small network that scores their vectors, which an inner product
is a poor special case of. The network itself, for training or for another base, is ``hypernetwork``'s.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from threading import Lock

import numpy as np
import torch
from torch import Tensor

from ..errors import ModelError, ModelOutputError
from ..schemas.points import FloatArray
from .backbone import WINDOW
from .batching import halving, token_batches
from .device import DtypeName, pick_device, pick_dtype
from .hypernetwork import HypencoderNetwork, load_network
from .registry import refuse_other_kind
from .resolve import resolve

__all__ = ["Hypencoder", "HypencoderNetwork", "load_hypencoder", "load_network"]

MAX_TOKENS = 8192
"""Padded tokens of a batch: 32 passages of 256."""
QNET_NUMBERS = 32 * 1024 * 1024
"""Weights of all q-nets that are made together: 128 MB of float32, and the hyper-head needs about as much
again on the way. A q-net of 6 layers and width 768 has 3.5 million, so that 9 of them are."""
ITEM_NUMBERS = 16 * 1024 * 1024
"""Numbers of the candidates that lie on the device at once: 64 MB of float32."""
PADDED_ON_GPU = 2.0
"""How many times as long as the shortest list of candidates the longest of a batch may be. A GPU idles while
it is given little. A CPU gains about 10 % where several q-nets run together, which padding would soon eat up,
so that only lists of one length do."""


def load_hypencoder(
    name: str,
    *,
    device: str | None = None,
    dtype: DtypeName | None = None,
    max_tokens_per_batch: int = MAX_TOKENS,
) -> Hypencoder:
    """``load_hypencoder("jfkback/hypencoder.6_layer")``: a folder or hub name, ready to encode and score.

    Raises:
        ModelNotFound: no folder, cache or hub has it, or its base.
        ModelFetchError: it could not be fetched, or its weights cannot be read safely.
        ModelError: the files are not a model of this kind.
    """
    refuse_other_kind(name, "hypencoder")
    found = resolve(name)
    device = pick_device(device)
    network = placed(load_network(found.path), device, pick_dtype(device, dtype))
    return Hypencoder(network, name=name, revision=found.revision, max_tokens_per_batch=max_tokens_per_batch)


def placed(network: HypencoderNetwork, device: str, dtype: torch.dtype) -> HypencoderNetwork:
    """On a device, with its encoders in a dtype. Hyper-head and q-net stay in float32: bfloat16 has too few
    digits to tell the scores of good candidates apart, and these layers cost next to nothing."""
    network.to(device)
    for encoder in (network.query_encoder, network.passage_encoder):
        transformer: torch.nn.Module = encoder.transformer
        transformer.to(dtype)
    return network


class Hypencoder:
    """``Hypencoder(network, name=..., revision=...)``: texts to vectors, queries and vectors to scores.

    Callers in other threads wait for each other. Scores are any real numbers; higher is better, and those of
    two queries cannot be compared.
    """

    def __init__(
        self, network: HypencoderNetwork, *, name: str, revision: str, max_tokens_per_batch: int = MAX_TOKENS
    ) -> None:
        self.name = name
        self.revision = revision
        self.dim = network.dim
        self.base_revision = network.config.base_revision
        self.network = network.eval()
        self._tokenizer = network.tokenizer
        self._max_tokens = max_tokens_per_batch
        self._qnet_numbers = sum(into * out for into, out in network.qnet.weight_shapes)
        self._lock = Lock()

    def encode_documents(self, texts: Sequence[str]) -> FloatArray:
        """``(texts, dim)``, rows of any length in the order of the texts.

        Raises:
            ModelOutputError: some rows are NaN or infinite.
            ModelError: the memory does not hold the work on one text.
        """
        vectors = np.empty((len(texts), self.dim), np.float32)
        with self._lock, torch.inference_mode():
            for start in range(0, len(texts), WINDOW):
                ids = self.passage_tokens(texts[start : start + WINDOW])
                run = partial(self._passages, ids)
                for rows in token_batches([len(own) for own in ids], self._max_tokens, len(ids)):
                    for part, output in halving(run, rows):
                        vectors[[start + row for row in part]] = _numpy(output)
        self._check(vectors, "vector", "texts")
        return vectors

    def score(self, queries: Sequence[str], candidates: Sequence[FloatArray]) -> list[FloatArray]:
        """For each query the scores ``(n,)`` of its own candidates ``(n, dim)``, in their order.

        Raises:
            ModelOutputError: some scores are NaN or infinite; positions are those of the queries.
            ModelError: a vector is not of the width that the q-nets read, or the memory is too small.
        """
        for _, own in zip(queries, candidates, strict=True):
            if len(own):
                self._check_width(own)
        scores = [np.empty(len(own), np.float32) for own in candidates]
        with self._lock, torch.inference_mode():
            ids = self.query_tokens(queries)
            # Lists of one length, and among them queries of one length, come to lie together.
            order = sorted(range(len(queries)), key=lambda place: (-len(candidates[place]), -len(ids[place])))
            asked = [place for place in order if len(candidates[place])]
            run = partial(self._own_scores, ids, candidates)
            for batch in self._batches(asked):
                for part, output in halving(run, batch):
                    for place, found in zip(part, output, strict=True):
                        scores[place] = found
        self._check(scores, "score", "queries")
        return scores

    def score_all(self, queries: Sequence[str], items: FloatArray) -> FloatArray:
        """``(queries, items)``: every query's scores of the same items ``(items, dim)``.

        Raises:
            ModelOutputError, ModelError: as ``score``.
        """
        self._check_width(items)
        scores = np.empty((len(queries), len(items)), np.float32)
        with self._lock, torch.inference_mode():
            ids = self.query_tokens(queries)
            order = sorted(range(len(queries)), key=lambda place: -len(ids[place]))
            for batch in self._batches(order):
                for part, output in halving(partial(self._shared_scores, ids, items), batch):
                    scores[part] = output
        self._check(scores, "score", "queries")
        return scores

    def qnets(self, queries: Sequence[str]) -> list[HypencoderQNet]:
        """The q-net of each query, to score as many vectors as there are without making it again.

        Each holds its weights: 14 MB for 6 layers of width 768.

        Raises:
            ModelError: the memory does not hold one of them.
        """
        made: dict[int, HypencoderQNet] = {}
        with self._lock, torch.no_grad():  # what inference mode makes has no gradients
            ids = self.query_tokens(queries)
            for batch in self._batches(sorted(range(len(queries)), key=lambda place: -len(ids[place]))):
                for part, (weights, biases) in halving(partial(self._qnets, ids), batch):
                    for row, place in enumerate(part):
                        own = slice(row, row + 1)
                        made[place] = HypencoderQNet(
                            self,
                            [weight[own].clone() for weight in weights],
                            [bias[own].clone() for bias in biases],
                        )
        return [made[place] for place in range(len(queries))]

    def _own_scores(
        self, ids: list[list[int]], candidates: Sequence[FloatArray], part: list[int]
    ) -> list[FloatArray]:
        weights, biases = self._qnets(ids, part)
        scores: list[FloatArray] = []
        for own in self._groups([len(candidates[place]) for place in part]):
            lists = [candidates[place] for place in part[own]]
            some_weights, some_biases = [weight[own] for weight in weights], [bias[own] for bias in biases]
            longest = len(lists[0])
            step = max(1, ITEM_NUMBERS // (len(lists) * self.dim))
            found = []
            for start in range(0, longest, step):
                if len(lists) == 1:  # as they are, without a copy
                    items = np.asarray(lists[0][None, start : start + step], np.float32)
                else:
                    items = np.zeros((len(lists), min(step, longest - start), self.dim), np.float32)
                    for row, vectors in enumerate(lists):
                        piece = vectors[start : start + step]
                        items[row, : len(piece)] = piece
                found.append(_numpy(self.network.score(some_weights, some_biases, self._tensor(items))))
            rows = np.concatenate(found, axis=1)  # (queries, items)
            scores += [row[: len(vectors)] for row, vectors in zip(rows, lists, strict=True)]
        return scores

    def _shared_scores(self, ids: list[list[int]], items: FloatArray, part: list[int]) -> FloatArray:
        weights, biases = self._qnets(ids, part)
        scores = np.empty((len(part), len(items)), np.float32)
        # Each of the queries makes numbers of its own from the items.
        step = max(1, ITEM_NUMBERS // (len(part) * self.dim))
        for start in range(0, len(items), step):
            piece = self._tensor(np.array(items[start : start + step], np.float32))
            scores[:, start : start + step] = _numpy(self.network.score(weights, biases, piece))
        return scores

    def _groups(self, counts: list[int]) -> Iterator[slice]:
        """Neighbours, of falling counts, whose q-nets run as one batch."""
        padded = 1.0 if self._device.type == "cpu" else PADDED_ON_GPU
        start = 0
        for place in range(1, len(counts) + 1):
            if place == len(counts) or counts[start] > padded * counts[place]:
                yield slice(start, place)
                start = place

    def _batches(self, order: list[int]) -> Iterator[list[int]]:
        """Queries whose q-nets are made together."""
        tokens = max(1, self.network.config.max_query_tokens)
        step = max(1, min(QNET_NUMBERS // self._qnet_numbers, self._max_tokens // tokens))
        for start in range(0, len(order), step):
            yield order[start : start + step]

    def _qnets(self, ids: list[list[int]], part: list[int]) -> tuple[list[Tensor], list[Tensor]]:
        return self.network.query_weights(*self._padded([ids[place] for place in part]))

    def _passages(self, ids: list[list[int]], part: list[int]) -> Tensor:
        return self.network.passage_vectors(*self._padded([ids[place] for place in part]))

    def query_states(self, ids: Sequence[list[int]]) -> Iterator[tuple[int, FloatArray, FloatArray]]:
        """What a frozen encoder makes of queries: each one's place, token states and vector.

        Args:
            ids: as ``query_tokens`` gives them.

        Yields:
            places in any order, ``(tokens, width)`` and ``(width,)``.
        """

        def run(part: list[int]) -> tuple[FloatArray, FloatArray]:
            encoder = self.network.query_encoder
            tokens, mask = self._padded([ids[place] for place in part])
            states = encoder.states(tokens, mask)
            return _numpy(states), _numpy(encoder.vectors(states, mask))

        with self._lock, torch.inference_mode():
            for rows in token_batches([len(own) for own in ids], self._max_tokens, max(1, len(ids))):
                for part, (states, vectors) in halving(run, rows):
                    for place, state, vector in zip(part, states, vectors, strict=True):
                        yield place, state[: len(ids[place])], vector

    def passage_tokens(self, texts: Sequence[str]) -> list[list[int]]:
        """Token ids of each passage."""
        config = self.network.config
        return self._tokens(texts, self._limit(config.max_passage_tokens), config.passage_prompt)

    def query_tokens(self, queries: Sequence[str]) -> list[list[int]]:
        """Token ids of each query as the q-nets are made of them."""
        config = self.network.config
        return self._tokens(queries, self._limit(config.max_query_tokens), config.query_prompt)

    def _tokens(self, texts: Sequence[str], limit: int, prompt: str) -> list[list[int]]:
        if not texts:
            return []
        encoded = self._tokenizer(
            [prompt + text for text in texts],
            truncation=True,
            max_length=limit,
            return_attention_mask=False,
            return_token_type_ids=False,
        )
        ids: list[list[int]] = encoded["input_ids"]
        return ids

    def _limit(self, tokens: int) -> int:
        """What the model reads at most, where that is less than was asked for."""
        positions = getattr(self.network.passage_encoder.transformer.config, "max_position_embeddings", None)
        return min(tokens, self._tokenizer.model_max_length, positions or tokens)

    def _padded(self, ids: list[list[int]]) -> tuple[Tensor, Tensor]:
        tokens, mask = padded(ids, self._tokenizer.pad_token_id or 0)
        return tokens.to(self._device), mask.to(self._device)

    @property
    def _device(self) -> torch.device:
        return next(self.network.parameters()).device

    def _tensor(self, items: FloatArray) -> Tensor:
        return torch.from_numpy(items).to(next(self.network.parameters()))

    def _check_width(self, items: FloatArray) -> None:
        if items.ndim != 2 or items.shape[1] != self.dim:
            raise ModelError(
                f"The q-nets of {self.name} read vectors of {self.dim} numbers, and these have the shape "
                f"{items.shape}",
                "Give vectors that this model's encode_documents, or the base it was trained on, made",
            )

    def _check(self, rows: Iterable[FloatArray], what: str, of: str) -> None:
        finite = [bool(np.isfinite(row).all()) for row in rows]
        if not all(finite):
            positions = [place for place, good in enumerate(finite) if not good]
            raise ModelOutputError(
                f"{self.name} gave no usable {what} for {len(positions)} of {len(finite)} {of}",
                "Try dtype float32 (AUGURY_DTYPE=float32); if it stays so, the weights are damaged",
                positions=positions,
            )


class HypencoderQNet:
    """One query's q-net, which ``Hypencoder.qnets`` makes. Threads wait for each other at the model.

    Raises:
        ModelOutputError: some numbers are NaN or infinite.
        ModelError: a vector is not of the width that it reads.
    """

    def __init__(self, model: Hypencoder, weights: list[Tensor], biases: list[Tensor]) -> None:
        self._model = model
        self._weights = weights  # each (1, in, out)
        self._biases = biases  # each (1, 1, dim)

    def score(self, items: FloatArray) -> FloatArray:
        """The scores ``(items,)`` of vectors ``(items, dim)``."""
        model = self._model

        def scored(piece: Tensor) -> Tensor:
            with torch.inference_mode():
                return model.network.score(self._weights, self._biases, piece)[0]

        return self._each(items, scored, "score")

    def gradient(self, items: FloatArray) -> FloatArray:
        """The gradient of the score at each vector, ``(items, dim)`` as they are."""
        model = self._model

        def risen(piece: Tensor) -> Tensor:
            with torch.enable_grad():
                piece.requires_grad_()
                scores = model.network.score(self._weights, self._biases, piece)
                [found] = torch.autograd.grad(scores.sum(), piece)
            return found

        return self._each(items, risen, "gradient")

    def _each(self, items: FloatArray, work: Callable[[Tensor], Tensor], what: str) -> FloatArray:
        """The work on as many items at a time as the memory is meant to hold."""
        model = self._model
        model._check_width(items)
        step = max(1, ITEM_NUMBERS // model.dim)
        pieces = [np.array(items[start : start + step], np.float32) for start in range(0, len(items), step)]
        with model._lock:
            found = [_numpy(work(model._tensor(piece))) for piece in pieces]
        model._check(found, what, "parts of what a q-net read")
        return np.concatenate(found) if found else np.empty((0,), np.float32)


def padded(ids: Sequence[Sequence[int]], filler: int) -> tuple[Tensor, Tensor]:
    """Token ids and mask, (texts, tokens), as wide as the longest text."""
    width = max([1, *map(len, ids)])
    tokens = torch.full((len(ids), width), filler)
    mask = torch.zeros_like(tokens)
    for row, own in enumerate(ids):
        tokens[row, : len(own)] = torch.tensor(own)
        mask[row, : len(own)] = 1
    return tokens, mask


def _numpy(tensor: Tensor) -> FloatArray:
    array: FloatArray = tensor.to("cpu", torch.float32).numpy()
    return array
