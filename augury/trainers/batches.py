"""Batches without false negatives: ``NoFalseNegatives(dataset, 64, False, rows=rows)``.

In a batch, every document of the other queries is a query's negative. So no two rows of a batch have the same
query, and none has a document that answers another's. Two may share a negative, which does no harm; the
library's NO_DUPLICATES forbids that, and lets two queries meet that share an answer of which neither row is.

Rows of a batch are about as long as each other, since all are padded to the longest.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import torch
from sentence_transformers.base.sampler import DefaultBatchSampler

from .rows import Row, query_key

_SORTED_TOGETHER = 16
"""Batches that are made of so many rows at once, sorted by length: more would make them too much alike."""


class NoFalseNegatives(DefaultBatchSampler):
    """A batch sampler of the trainers: the same seed and epoch give the same batches.

    An epoch has as many batches as ``rows / batch_size``, rounded up. Rows that fit into no full batch come
    in smaller ones; where so many are in each other's way that batches are too many, the last ones wait for
    another epoch, which is shuffled anew.
    """

    def __init__(
        self,
        dataset: Any,
        batch_size: int,
        drop_last: bool,
        valid_label_columns: list[str] | None = None,
        generator: torch.Generator | None = None,
        seed: int = 0,
        *,
        rows: Sequence[Row],
    ) -> None:
        super().__init__(dataset, batch_size, drop_last, valid_label_columns, generator, seed)
        self._rows = rows
        self._keys = [query_key(row.query) for row in rows]
        self._documents = [frozenset((row.positive, *row.negatives)) for row in rows]
        self._lengths = [len(row.query) + len(row.positive) for row in rows]

    def __len__(self) -> int:
        return max(1, -(-len(self._rows) // self.batch_size))

    def __iter__(self) -> Iterator[list[int]]:
        generator = torch.Generator().manual_seed(self.seed + self.epoch)
        left = len(self)
        while left:
            order = torch.randperm(len(self._rows), generator=generator).tolist()
            batches = list(self._once(self._by_length(order)))
            for place in torch.randperm(len(batches), generator=generator).tolist()[:left]:
                yield batches[place]
                left -= 1

    def _by_length(self, order: list[int]) -> list[int]:
        """The same order, but sorted by length within windows."""
        window = _SORTED_TOGETHER * self.batch_size
        parts = (order[start : start + window] for start in range(0, len(order), window))
        return [row for part in parts for row in sorted(part, key=lambda row: -self._lengths[row])]

    def _once(self, waiting: list[int]) -> Iterator[list[int]]:
        """Every row once. What is in the way of a batch waits for the next."""
        while waiting:
            batch: list[int] = []
            later: list[int] = []
            keys: set[str] = set()
            documents: set[str] = set()
            answers: set[str] = set()
            for place, row in enumerate(waiting):
                if len(batch) == self.batch_size:
                    later += waiting[place:]
                    break
                fits = (
                    self._keys[row] not in keys
                    and self._documents[row].isdisjoint(answers)
                    and self._rows[row].positives.isdisjoint(documents)
                )
                if not fits:
                    later.append(row)
                    continue
                batch.append(row)
                keys.add(self._keys[row])
                documents |= self._documents[row]
                answers |= self._rows[row].positives
            waiting = later
            yield batch
