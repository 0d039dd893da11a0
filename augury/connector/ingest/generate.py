"""Scenarios into a file, so that a machine with a GPU can do this part alone."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from ...errors import AuguryError, DocumentError
from ...schemas.document import Passage
from ...schemas.profile import Profile
from ...schemas.report import IngestReport
from .chunk import chunk
from .generator import Generated, ScenarioGenerator
from .pipeline import finished
from .readable import Readable, SourceItem
from .seen import SeenIds
from .tally import OnError, Tally


def generate(
    source: Iterable[SourceItem],
    generator: ScenarioGenerator,
    profile: Profile,
    output: Path,
    *,
    texts: bool = False,
    on_error: OnError = "continue",
    dead_letters: Path | None = None,
    progress: Callable[[IngestReport], None] | None = None,
) -> IngestReport:
    """``generate(documents, generator, profile, Path("scenarios.jsonl"))``: one line a passage.

    The file is what ``ingest --scenarios FILE`` reads; it appears whole, by a rename, and in the order of
    the source. A run that was killed is run again: the client's cache has every answer that had come. A
    document of which a passage failed counts as failed; its other passages are in the file.

    Args:
        profile: how documents are cut; ingest with the same chunking.
        texts: write each passage's text with its scenarios, so that a trainer needs the file alone.

    Raises:
        AuguryError: what ends the whole run. Its ``report`` attribute says how far it came.
    """
    tally = Tally(on_error=on_error, dead_letters=dead_letters, progress=progress)
    seen = SeenIds()
    readable = Readable(tally, seen)
    passages = (passage for document, _ in readable(source) for passage in chunk(document, profile.chunk))
    part = output.with_name(f"{output.name}.part")
    try:
        output.parent.mkdir(parents=True, exist_ok=True)
        with part.open("w", encoding="utf-8") as lines:
            for line in _lines(generator.generate(passages), tally, texts):
                lines.write(line)
            lines.flush()
            os.fsync(lines.fileno())
        part.replace(output)
    except AuguryError as error:
        tally.report.stopped = True
        error.report = finished(tally, generator, {})
        raise
    finally:
        part.unlink(missing_ok=True)  # where it has not become the output
        seen.close()
    return finished(tally, generator, {})


def _lines(generated: Iterable[Generated], tally: Tally, texts: bool) -> Iterator[str]:
    """A line for each passage that has its record; each document is counted when its last passage is."""
    failed: DocumentError | None = None
    for passage, record, error in generated:
        if record is not None:
            tally.add(passages=1)
            tally.scenarios(written=len(record.explanation), none=not record.explanation)
            if texts:
                record = record.model_copy(update={"text": passage.encoder_text})
            unused = {"information_needs"} if texts else {"information_needs", "text"}
            yield record.model_dump_json(exclude=unused) + "\n"
        elif error is not None:
            tally.scenarios(missing=1)
            failed = failed or _failure(passage, error)
        if passage.chunk == passage.chunks - 1:
            if failed is None:
                tally.written()
            else:
                tally.failed(failed)
            failed = None


def _failure(passage: Passage, error: AuguryError) -> DocumentError:
    what = f"Document {passage.doc_id!r}, passage {passage.chunk + 1} of {passage.chunks}: {error.what}"
    return DocumentError(what, error.fix, doc_id=passage.doc_id, source=passage.source)
