"""A teacher's scenarios as lessons: ``lessons("teacher.jsonl", "corpus/", needs=4)``.

A lesson is what ingest sends to an LLM for a passage, and the answer that ingest's own parser would read.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ...connector.ingest.chunk import chunk
from ...connector.ingest.scenario_prompt import Analysis, is_noise, scenario_chat
from ...connector.ingest.scenario_source import read_records
from ...connector.sources.opening import open_source
from ...errors import DocumentError, ScenarioFileError, SourceError, UsageError
from ...schemas.document import Document, digest
from ...schemas.profile import ChunkProfile, GenerationProfile
from ...schemas.scenario import ScenarioRecord
from ..data.near_duplicates import PASSAGE_SHINGLE, groups, normal
from ..data.split import assign

NEAR = 0.8
"""Jaccard similarity of character shingles from which on two documents are kept on one side."""
Messages = list[dict[str, Any]]


@dataclass(frozen=True)
class Lesson:
    """``Lesson(doc_id, text, record)``: a passage and what the teacher foresaw for it."""

    doc_id: str
    text: str
    record: ScenarioRecord

    def prompt(self, needs: int) -> Messages:
        """What ingest sends for this passage."""
        chat = scenario_chat(self.text, GenerationProfile(needs=needs))
        return [dict(message) for message in chat.messages(self.text)]

    def answer(self, needs: int) -> str:
        """What ingest's parser reads, with the first ``needs`` scenarios."""
        record = self.record
        analysis = Analysis.model_validate(
            {
                "verdict": "content" if record.explanation else "noise",
                **record.document_analysis.model_dump(),
                "scenarios": [each.model_dump() for each in record.explanation[:needs]],
            }
        )
        return analysis.model_dump_json()


@dataclass(frozen=True)
class Taught:
    """``Taught(lessons, sha256, notes)``: what a teacher's file came to."""

    lessons: list[Lesson]
    sha256: str
    notes: tuple[str, ...]


def lessons(data: str, documents: str) -> Taught:
    """Read a teacher's file, and the texts of its documents from their source where the file has none.

    Raises:
        ScenarioFileError: the file cannot be read, or has a line that is no record.
        SourceError: there is no record, or the documents cannot be read.
        UsageError: texts are missing and no source is named.
    """
    records = list(_records(Path(data).expanduser()))
    if not records:
        raise SourceError(f"{data} has no scenarios", "Make some: augury generate scenarios SOURCE -o FILE")
    textless = {record.doc_id for record in records if not record.text}
    if textless and not documents:
        raise UsageError(
            f"{data} has scenarios of {len(textless)} documents without their texts",
            "Name their source with --documents, or have the file written with --teacher",
        )
    found = {document.id: document for document in _documents(documents, textless)} if textless else {}
    sha256 = hashlib.sha256()
    kept: list[Lesson] = []
    lost: Counter[str] = Counter()
    for record in records:
        text = record.text or _text(record, found.get(record.doc_id))
        if not text:
            lost["their text is not in the source, or is another by now"] += 1
        elif is_noise(text):
            lost["they say nothing, so that no LLM is asked"] += 1
        else:
            kept.append(Lesson(record.doc_id, text, record))
            sha256.update(f"{record.model_dump_json()}\n{text}\n".encode(errors="surrogatepass"))
    notes = tuple(f"Lines left out, as {why}: {count}." for why, count in lost.items())
    if not kept:
        raise SourceError(f"No scenario of {data} can be taught. {' '.join(notes)}", "Name the right source")
    return Taught(kept, sha256.hexdigest(), notes)


def split(found: Sequence[Lesson], share: float, seed: int) -> tuple[list[Lesson], list[Lesson]]:
    """``train, held_out = split(lessons, 0.1, seed)``: documents that are alike are on one side.

    Raises ``UsageError`` where there are too few that differ.
    """
    texts: dict[str, str] = {}
    for lesson in found:
        texts[lesson.doc_id] = f"{texts.get(lesson.doc_id, '')} {normal(lesson.text)}".strip()
    sizes = Counter(texts.values())
    group = groups(sizes, NEAR, PASSAGE_SHINGLE)
    sides = assign(sizes, group, (1 - share, share, 0.0), seed)
    train, held = (
        [lesson for lesson in found if sides[group[texts[lesson.doc_id]]] == side]
        for side in ("train", "dev")
    )
    if not train or not held:
        raise UsageError(
            f"There are {len(texts)} documents, too few that differ to hold any out",
            "Bring scenarios of more documents",
        )
    return train, held


def _records(path: Path) -> Iterator[ScenarioRecord]:
    try:
        for _, record in read_records(path):
            if isinstance(record, ScenarioFileError):
                raise record
            yield record
    except OSError as error:
        raise ScenarioFileError(
            f"{path} cannot be read: {error.strerror}", "Name a JSON Lines file of scenarios"
        ) from error


def _documents(source: str, wanted: set[str]) -> Iterable[Document]:
    for item in open_source(source):
        if isinstance(item, DocumentError):
            raise SourceError(item.what, item.fix)
        if item.id in wanted:
            yield item


def _text(record: ScenarioRecord, document: Document | None) -> str:
    """The passage that a record speaks of; empty where it is not there any more."""
    if document is None:
        return ""
    passages = chunk(document, ChunkProfile())
    if record.chunk is None:
        whole = chunk(document, ChunkProfile(mode="none"))[0].encoder_text
        return whole if record.text_hash in ("", digest(whole)) else ""
    if record.chunk >= len(passages):
        return ""
    text = passages[record.chunk].encoder_text
    return text if record.text_hash in ("", digest(text)) else ""
