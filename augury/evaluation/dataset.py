"""What a search is measured on: queries, and which documents answer them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path

from ..errors import SourceError, UsageError
from .beir import beir_place, load_excluded, load_qrels, load_queries
from .qrels_file import Qrels, read_qrels
from .queries_file import read_queries

_OWN_DOCUMENTS = "arguana"
"""A collection whose queries are documents of it, with the same ids; finding oneself is no answer."""


@dataclass(frozen=True)
class Dataset:
    """``Dataset("mine", {"q1": "a need"}, {"q1": {"d1": 1}})``: judged queries and their judgements.

    Attributes:
        queries: query id -> text, of judged queries only.
        qrels: query id -> document id -> relevance, of the same queries.
        excluded: query id -> documents dropped from that query's run.
        exclude_self: also drop a document whose id is the query's.
        unjudged: queries without any judgement, which are left out.
        without_text: judged queries that have no text, which are left out too.
    """

    name: str
    queries: Mapping[str, str]
    qrels: Qrels
    excluded: Mapping[str, frozenset[str]] = field(default_factory=dict)
    exclude_self: bool = False
    unjudged: int = 0
    without_text: tuple[str, ...] = ()

    def dropped(self, query: str) -> frozenset[str]:
        """The documents that may not be in a query's run."""
        return self.excluded.get(query, frozenset()) | ({query} if self.exclude_self else frozenset())

    def limited(self, count: int | None) -> Dataset:
        """The same with the first ``count`` queries only; None for all of them."""
        if count is None or count >= len(self.queries):
            return self
        queries = dict(islice(self.queries.items(), count))
        return replace(
            self,
            name=f"{self.name} (first {count} queries)",
            queries=queries,
            qrels={query: self.qrels[query] for query in queries},
        )


def open_dataset(
    where: str | Path | None = None,
    *,
    split: str = "test",
    queries: str | Path | None = None,
    qrels: str | Path | None = None,
    exclude_self: bool | None = None,
) -> Dataset:
    """``open_dataset("scifact")`` or ``open_dataset(queries="q.tsv", qrels="qrels.txt")``.

    Args:
        where: a folder in BEIR layout, which may have an ``exclude.tsv`` of query and document ids, also as
            ``FOLDER:SPLIT``, or an id of ir_datasets such as ``beir/scifact/test``.
        split: which judgements of a folder that names none; an ir_datasets id names its own.
        queries, qrels: files of one's own instead: see ``read_queries`` and ``read_qrels``.
        exclude_self: drop the document that has the query's id from its run; None does so for collections
            named arguana.

    Raises:
        UsageError: neither a place nor both files, or both.
        SourceError: a file that is not there or has a wrong line, or judgements without their queries.
        MissingDependency: an id of ir_datasets, and that package is not installed.
    """
    if where is not None and (queries is not None or qrels is not None):
        raise UsageError("Both a dataset and files were named", "Name a dataset, or queries and qrels")
    if where is not None:
        name, texts, judged, excluded = _named(where, split)
    elif queries is not None and qrels is not None:
        name, excluded = str(qrels), {}
        texts, judged = read_queries(Path(queries)), read_qrels(Path(qrels))
    else:
        raise UsageError("There is nothing to measure on", "Name a dataset, or both queries and qrels")
    own = _OWN_DOCUMENTS in name.lower() if exclude_self is None else exclude_self
    return _joined(name, texts, judged, excluded, own)


def _named(
    where: str | Path, split: str
) -> tuple[str, Mapping[str, str], Qrels, Mapping[str, frozenset[str]]]:
    """Name, queries, judgements and exclusions of a folder or of an id."""
    folder, split = beir_place(str(where), split)
    if folder is not None:
        name = f"{folder.resolve().name}/{split}"
        return name, load_queries(folder), load_qrels(folder, split), load_excluded(folder)
    if Path(where).expanduser().exists():
        raise SourceError(f"{where} is a file", "Give a folder in BEIR layout, or name --queries and --qrels")
    from .ir_datasets_id import load

    return str(where), *load(str(where)), {}


def _joined(
    name: str,
    texts: Mapping[str, str],
    judged: Qrels,
    excluded: Mapping[str, frozenset[str]],
    exclude_self: bool,
) -> Dataset:
    queries = {query: text for query, text in texts.items() if query in judged}
    if not queries:
        raise SourceError(
            f"None of the {len(judged)} judged queries of {name} is among its {len(texts)} queries, such as "
            f"{next(iter(judged))!r}",
            "Check that the queries and the judgements belong together",
        )
    return Dataset(
        name=name,
        queries=queries,
        qrels={query: judged[query] for query in queries},
        excluded=excluded,
        exclude_self=exclude_self,
        unjudged=len(texts) - len(queries),
        without_text=tuple(query for query in judged if query not in queries),
    )
