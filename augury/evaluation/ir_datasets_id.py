"""Queries and judgements of a collection that ir_datasets knows by an id (https://ir-datasets.com)."""

from __future__ import annotations

from typing import Any

from ..errors import MissingDependency, SourceError
from .qrels_file import Qrels

_IDS = "https://ir-datasets.com"


def load(name: str) -> tuple[dict[str, str], Qrels]:
    """``queries, qrels = load("beir/scifact/test")``; downloads what is not there yet.

    Raises:
        MissingDependency: the package ir_datasets is not installed.
        SourceError: it knows no such id, or has no judgements or no download for it.
    """
    dataset = _dataset(name)
    for part, there in (("queries", dataset.has_queries()), ("judgements", dataset.has_qrels())):
        if not there:
            raise SourceError(
                f"The collection {name} of ir_datasets has no {part}", f"Name a part that has them: {_IDS}"
            )
    try:
        queries = {str(each.query_id): _text(each) for each in dataset.queries_iter()}
        qrels: Qrels = {}
        for each in dataset.qrels_iter():
            qrels.setdefault(str(each.query_id), {})[str(each.doc_id)] = int(each.relevance)
    except (OSError, RuntimeError, ValueError) as error:  # downloads that fail, or have the wrong hash
        raise SourceError(
            f"ir_datasets cannot give {name}: {error}", "Check the network, or give a folder or files"
        ) from error
    return queries, qrels


def _dataset(name: str) -> Any:
    try:
        import ir_datasets
    except ImportError as error:
        raise MissingDependency(
            "ir_datasets",
            "ir-datasets",
            what=f"There is no folder {name}; if it is an id of ir_datasets, that package is not installed",
        ) from error
    try:
        return ir_datasets.load(name)
    except KeyError as error:
        raise SourceError(
            f"There is no folder {name}, and ir_datasets knows no such id",
            f"Check the path, or choose an id from {_IDS}",
        ) from error


def _text(query: Any) -> str:
    """What is searched for; a topic of several fields knows which one that is."""
    return str(query.default_text() if hasattr(query, "default_text") else query.text)
