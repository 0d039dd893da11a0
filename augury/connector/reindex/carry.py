"""One pass from the old generation to the new one: what differs is encoded or copied, what is gone deleted.

The new generation is its own manifest, as any index is: a passage is done when its point carries the
fingerprint that the old point's would have with the new profile. So a pass after the first does only what was
written meanwhile, and one that was killed is finished by another.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import chain
from typing import Any

import numpy as np

from ...errors import StoreError
from ...schemas.document import Document, Passage, digest
from ...schemas.fingerprint import Fingerprint
from ...schemas.points import Payload, Point, PointId, Record, SparseVector, Vector
from ...schemas.profile import Profile
from ...schemas.report import IngestReport
from ...schemas.scenario import Scenario
from ..fold import unfold
from ..index_models import IndexModels
from ..ingest.encode import Encode
from ..ingest.patience import patiently
from ..ingest.pipeline import through
from ..ingest.scenario_source import clean
from ..ingest.select import WINDOW, grouped
from ..ingest.tally import Tally
from ..ingest.work import Job, Work
from ..ingest.write import Write
from ..store.base import Store
from .choices import Kept

_READ = 256
_MARKS = ("doc_id", "content_hash", "fingerprint", "scenario_state")
_NO_TERMS = SparseVector(np.empty(0, dtype=np.uint32), np.empty(0, dtype=np.float32))


@dataclass(frozen=True)
class Carrier:
    """``Carrier(source, target, old, new, models).carry()``: one pass.

    Attributes:
        old, new: the profiles of the two stores.
        models: those of ``new``; loaded only where something has to be encoded by them.
        check: called before each batch is written; raises where another run has taken over.
    """

    source: Store
    target: Store
    old: Profile
    new: Profile
    models: IndexModels
    check: Callable[[], None]

    @property
    def kept(self) -> Kept:
        """Which vectors are copied."""
        return Kept.between(self.old, self.new)

    def carry(self, progress: Callable[[IngestReport], None] | None = None) -> tuple[int, int]:
        """Returns how many passages were written and how many deleted.

        Raises ``StoreError`` where a passage cannot be carried over.
        """
        tally = Tally(progress=progress)
        windows = grouped(self._works(tally), WINDOW, lambda work: len(work.passage.text))
        if (first := next(windows, None)) is not None:
            write = Write(self.target, tally, self._put)
            through(chain([first], windows), self._encode(tally), write, None, self.new, tally, {})
        if tally.report.documents.failed:
            first_failure = tally.report.failures[0]
            raise StoreError(
                f"{tally.report.documents.failed} passages cannot be re-indexed, such as one of "
                f"{first_failure.doc_id!r}: {first_failure.reason}",
                "Nothing was swapped; mend or delete these documents, or choose another model",
            )
        deleted = self._delete_vanished()
        self.target.flush()
        return tally.report.passages.written, deleted

    def wanted(self, payload: Payload) -> Fingerprint:
        """The fingerprint that a passage of the old generation has in the new one.

        One that is not made as the old profile says, because its document has not been ingested since that
        changed, is marked so that the next ingest makes it anew there too.
        """
        stored = Fingerprint.parse(str(payload.get("fingerprint", "")))
        if stored is None:
            raise StoreError(
                f"The index holds a point that Augury did not write, of {payload.get('doc_id')!r}",
                "Delete it with the tool that wrote it",
            )
        made_from = str(payload["doc_id"]), str(payload["content_hash"]), stored.scenarios
        wanted = self.new.fingerprint(*made_from)
        if stored.base != self.old.fingerprint(*made_from).base:
            return wanted._replace(base=digest("carried", stored.base, wanted.base))
        return wanted

    def differing(self) -> Iterator[list[PointId]]:
        """The passages that the new generation does not have as it should, in batches."""
        for records in self.source.scroll(payload=_MARKS, batch=_READ):
            yield self._missing(records)

    def _missing(self, records: Sequence[Record]) -> list[PointId]:
        keys = ("fingerprint", "scenario_state")
        ids = [record.id for record in records]
        there = patiently(partial(self.target.vectors, ids, (), payload=keys))
        return [record.id for record in records if not self._is_done(record, there.get(record.id))]

    def _is_done(self, record: Record, there: Record | None) -> bool:
        return there is not None and there.payload == {
            "fingerprint": str(self.wanted(record.payload)),
            "scenario_state": record.payload.get("scenario_state"),
        }

    def _works(self, tally: Tally) -> Iterator[Work]:
        names = self.kept.names(self.old)
        for ids in self.differing():
            if ids:
                found = patiently(partial(self.source.vectors, ids, names))
                for record in found.values():
                    tally.read()
                    yield self._work(record)

    def _work(self, record: Record) -> Work:
        payload, kept, names = record.payload, self.kept, self.old.names
        if not isinstance(payload.get("text"), str):
            raise StoreError(
                f"The index holds no text of document {payload.get('doc_id')!r}, so it cannot be encoded",
                "Ingest from the source into a new index",
            )
        passage = Passage(
            **{name: payload[name] for name in ("doc_id", "chunk", "chunks", "text", "content_hash")},
            title=payload.get("title", ""),
            metadata=payload.get("metadata") or {},
            source=payload.get("source", ""),
        )
        document = Document(id=passage.doc_id, text=passage.text, title=passage.title, source=passage.source)
        scenarios = tuple(Scenario.model_validate(each) for each in payload.get("scenarios") or ())
        work = Work(
            Job(document, str(self.wanted(payload)), remaining=1),
            passage,
            record.id,
            payload.get("scenario_state", "off"),
            scenarios if kept.rows or kept.scenarios else self._limited(scenarios),
        )
        known: dict[str, Vector] = {
            name: record.vectors[name] for name in record.vectors if name != names.scenarios
        }
        if kept.sparse:
            known.setdefault(names.sparse, _NO_TERMS)
        rows, dense = record.vectors.get(names.scenarios), record.vectors.get(names.dense)
        if isinstance(rows, np.ndarray) and isinstance(dense, np.ndarray):
            if kept.rows:
                work.rows = rows
            else:
                alpha = Fingerprint.parse(str(payload["fingerprint"]))
                assert alpha is not None
                known[names.scenarios] = unfold(dense, rows, alpha.alpha) if scenarios else rows[:0]
        work.known = known
        return work

    def _limited(self, scenarios: tuple[Scenario, ...]) -> tuple[Scenario, ...]:
        limits = self.new.scenarios
        cleaned = (clean(each, limits.max_chars) for each in scenarios[: limits.max_per_passage])
        return tuple(each for each in cleaned if each)

    def _encode(self, tally: Tally) -> Encode:
        kept, models = self.kept, self.models
        needs_dense = not kept.dense or not (kept.rows or kept.scenarios)
        return Encode(
            models.dense if needs_dense else None,
            models.sparse if self.new.sparse and not kept.sparse else None,
            models.hypencoder if self.new.own_hypencoder and not kept.hypencoder else None,
            self.new,
            tally,
        )

    def _put(self, points: list[Point]) -> None:
        self.check()
        self.target.upsert(points)

    def _delete_vanished(self) -> int:
        deleted = 0
        for records in self.target.scroll(payload=False):
            ids = [record.id for record in records]
            there = patiently(partial(self.source.vectors, ids, (), payload=False))
            if gone := [each for each in ids if each not in there]:
                condition: dict[str, Any] = {"must": [{"has_id": gone}]}
                patiently(partial(self.target.delete, condition))
                deleted += len(gone)
        return deleted
