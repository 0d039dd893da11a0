"""A pass to a generation whose documents are cut otherwise: whole documents, from their source.

The index holds passages. A document in one passage is that passage, where its content hash says so; of a
longer one, whitespace at the cuts and what neighbours share are not known, so it is read from its source.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from ...errors import StoreError, UsageError
from ...schemas.document import Document
from ...schemas.payload_layout import at
from ...schemas.points import Payload, PointId, Record
from ...schemas.report import IngestReport
from ..ingest.pipeline import ingest
from ..ingest.readable import SourceItem
from ..ingest.scenario_source import ScenarioSource
from ..ingest.select import of_tenant
from ..store.base import Store
from .carry import Carrier
from .choices import Kept

_READ = 256
_FIRST: dict[str, Any] = {"must": [{"key": "chunk", "match": {"value": 0}}]}
_LATER: dict[str, Any] = {"must": [{"key": "chunk", "range": {"gte": 1}}]}


@dataclass(frozen=True)
class Rechunker(Carrier):
    """``Rechunker(source, target, old, new, models, check, documents).carry()``.

    Attributes:
        documents: where the documents are read from; None to make them of the passages, where that is exact.
        scenarios: what gives the new passages their scenarios; those of the old ones are not theirs.
    """

    documents: Iterable[SourceItem] | None = None
    scenarios: ScenarioSource | None = None
    _read: list[bool] = field(default_factory=list)

    @property
    def kept(self) -> Kept:
        """None: other passages have other vectors."""
        return Kept(dense=False, sparse=False, hypencoder=False, scenarios=False, rows=False)

    def carry(self, progress: Callable[[IngestReport], None] | None = None) -> tuple[int, int]:
        """Returns how many passages were written and how many documents deleted.

        Raises ``UsageError`` where a document has to be read from its source, and is not there as it was.
        """
        written = 0
        if self.documents is not None and not self._read:
            written += self._ingest(self.documents, progress)
            self._read.append(True)
        lost: list[str] = []
        written += self._ingest(self._joined(lost), progress)
        if lost:
            where = "SOURCE does not hold" if self.documents is not None else "The index does not hold whole"
            raise UsageError(
                f"{where} {len(lost)} of its documents, such as {lost[0]!r}, as they were ingested, and "
                "their passages cannot be joined exactly",
                "Name what they were ingested from with --source; if that has changed since, ingest it first",
            )
        deleted = self._delete_vanished()
        self.target.flush()
        return written, deleted

    def differing(self) -> Iterator[list[PointId]]:
        """The first passages of documents that the new generation does not have as they are."""
        for records in self.source.scroll(_FIRST, payload=("content_hash",), batch=_READ):
            yield [record.id for record in self._changed(records)]

    def _changed(self, records: list[Record]) -> list[Record]:
        there = self.target.vectors([record.id for record in records], (), payload=("content_hash",))
        hashes = {point: found.payload.get("content_hash") for point, found in there.items()}
        return [record for record in records if hashes.get(record.id) != record.payload["content_hash"]]

    def _ingest(
        self, documents: Iterable[SourceItem], progress: Callable[[IngestReport], None] | None
    ) -> int:
        models = self.models
        report = ingest(
            _checked(documents, self.check),
            self.target,
            self.new,
            models.dense,
            models.sparse,
            models.hypencoder if self.new.own_hypencoder else None,
            scenarios=self.scenarios,
            progress=progress,
        )
        if report.documents.failed:
            raise StoreError(
                f"{report.documents.failed} documents cannot be re-indexed, such as "
                f"{report.failures[0].doc_id!r}: {report.failures[0].reason}",
                "Nothing was swapped; mend these documents, or leave them out of the index",
            )
        return report.passages.written

    def _joined(self, lost: list[str]) -> Iterator[Document]:
        for ids in self.differing():
            for record in self.source.vectors(ids, ()).values():
                document = joined(record.payload)
                if document is None:
                    lost.append(str(record.payload["doc_id"]))
                else:
                    yield document

    def _delete_vanished(self) -> int:
        deleted = 0
        for records in self.target.scroll(_FIRST, batch=_READ):
            there = self.source.vectors([record.id for record in records], (), payload=False)
            for record in records:
                if record.id not in there:
                    whose = str(at(record.payload, self.new.tenant) or "") if self.new.tenant else ""
                    one = {"key": "doc_id", "match": {"value": record.payload["doc_id"]}}
                    self.target.delete(of_tenant(self.new, whose, one))
                    deleted += 1
        return deleted


def joined(payload: Payload) -> Document | None:
    """The document of a first passage, where it is the whole of it."""
    document = Document(
        id=payload["doc_id"],
        text=payload["text"],
        title=payload["title"],
        metadata=payload["metadata"],
        source=payload["source"],
    )
    whole = payload["chunks"] == 1 and document.content_hash == payload["content_hash"]
    return document if whole else None


def refuse_cut(store: Store, where: str) -> None:
    """Raise ``UsageError`` where documents have several passages, so that a source is needed."""
    if cut := store.count(_LATER):
        raise UsageError(
            f"Documents of {where} are in several passages ({cut:,} beside the first ones), which cannot be "
            "joined exactly to be cut otherwise",
            "Name what they were ingested from with --source",
        )


def _checked(documents: Iterable[SourceItem], check: Callable[[], None]) -> Iterator[SourceItem]:
    for number, document in enumerate(documents):
        if number % _READ == 0:
            check()
        yield document
