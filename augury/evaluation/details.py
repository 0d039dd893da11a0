"""Details files: beside a run, a line of JSON for each query says why its documents are where they are."""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import IO, Self

import numpy as np
from pydantic import ValidationError

from ..errors import SourceError
from ..schemas.details import ExplainedHit, QueryDetails
from ..schemas.hit import Hit
from ..schemas.plan import QueryPlan
from .lines import read_lines, record
from .measure import Run

FIRST = 10
"""So many first documents of a query are written, and every relevant one."""
_WRITE_IT = "Write the run and its details anew: augury evaluate with --run"


def details_path(run: Path) -> Path:
    """``details_path(Path("mine.run"))`` is ``mine.run.jsonl``, beside it."""
    return run.with_name(f"{run.name}.jsonl")


def query_details(
    query_id: str, text: str, plan: QueryPlan | None, hits: Sequence[Hit], judged: Mapping[str, int]
) -> QueryDetails:
    """``query_details("q1", "a need", result.plan, result.hits, qrels["q1"])``: a line of the file."""
    return QueryDetails(
        query_id=query_id,
        text=text,
        plan=plan,
        hits=tuple(
            ExplainedHit(
                doc_id=hit.doc_id,
                title=hit.title,
                chunk=hit.chunk,
                rank=rank,
                score=hit.score,
                explanation=hit.explanation,
            )
            for rank, hit in enumerate(hits, start=1)
            if rank <= FIRST or judged.get(hit.doc_id, 0) > 0
        ),
    )


class DetailsWriter:
    """``with DetailsWriter() as write: write(Path("mine.run"), details); write.keep(Path("mine.run"))``.

    Lines go to disk as they come. The file of a run appears, whole, when it is kept; what is not kept by the
    end is removed.
    """

    def __init__(self) -> None:
        self._open: dict[Path, IO[str]] = {}

    def __call__(self, run: Path, details: QueryDetails) -> None:
        """Write a line of the details of ``run``."""
        if run not in self._open:
            self._open[run] = _unfinished(run).open("w", encoding="utf-8", newline="\n")
        self._open[run].write(f"{details.model_dump_json(exclude_defaults=True)}\n")

    def keep(self, run: Path) -> Path:
        """Where the details of ``run`` now are."""
        self._open.pop(run).close()
        path = details_path(run)
        os.replace(_unfinished(run), path)
        return path

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for run, lines in self._open.items():
            lines.close()
            _unfinished(run).unlink(missing_ok=True)


def read_details(path: Path, run: Run, queries: Collection[str]) -> tuple[dict[str, QueryDetails], str]:
    """``found, problem = read_details(Path("mine.run.jsonl"), run, ["q1"])``: the details of these queries.

    Every line is checked against the run, as it was read from its file, but only these are kept. Where the
    two do not belong together nothing is found, and ``problem`` is the clause that says why; else it is
    empty. Raises ``SourceError``, with the line, for one that is no line of details.
    """
    found: dict[str, QueryDetails] = {}
    seen: set[str] = set()
    problem = ""
    for place, line in read_lines(path):
        try:
            details = QueryDetails.model_validate(record(line, place, "line of details", _WRITE_IT))
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(str(part) for part in first["loc"])
            raise SourceError(
                f"{place} is no line of details ({where}: {first['msg'].rstrip('.')})", _WRITE_IT
            ) from None
        if details.query_id in seen:
            raise SourceError(f"{place} has query {details.query_id!r} again", _WRITE_IT)
        seen.add(details.query_id)
        problem = problem or _mismatch(details, run.get(details.query_id, {}))
        if details.query_id in queries:
            found[details.query_id] = details
    missing = next((query for query in run if query not in seen), None)
    if missing is not None and not problem:
        problem = f"it lacks query {missing!r}"
    return ({}, problem) if problem else (found, "")


def _mismatch(details: QueryDetails, documents: Mapping[str, float]) -> str:
    """In what a query's details differ from its documents in the run; empty where in nothing."""
    query = f"query {details.query_id!r}"
    if len(details.hits) < min(FIRST, len(documents)):
        return f"it has fewer documents for {query}"
    ranks = {document: rank for rank, document in enumerate(documents, start=1)}
    for hit in details.hits:
        if ranks.get(hit.doc_id) != hit.rank:
            return f"it has {hit.doc_id!r} at another rank for {query}"
        score, written = np.float32(hit.score), np.float32(documents[hit.doc_id])
        # write_run lowers a score by one step for each equal one before it.
        if abs(score - written) > hit.rank * np.spacing(max(abs(score), abs(written))):
            return f"it has another score for {hit.doc_id!r} of {query}"
    return ""


def _unfinished(run: Path) -> Path:
    return run.with_name(f"{run.name}.jsonl.part")
