"""Queries from a file: JSON Lines, or ``id<TAB>text``."""

from __future__ import annotations

from pathlib import Path

from ..errors import SourceError
from .lines import first_of, is_jsonl, read_lines, record

_IDS = ("_id", "id", "query_id", "query-id", "qid")
_TEXTS = ("text", "query")
_AS_JSON = 'Write it as {"_id": "q1", "text": "..."}'
_AS_TSV = "Write the query's id, a tab and its text"


def read_queries(path: Path) -> dict[str, str]:
    """``read_queries(Path("queries.jsonl"))``: query id -> text, in file order.

    A name that ends in ``.jsonl`` is read as JSON Lines with ``_id`` and ``text``, any other as lines of id,
    tab and text. Raises ``SourceError``, with the line, for one that is no query and for an id that comes
    twice.
    """
    queries: dict[str, str] = {}
    places: dict[str, str] = {}
    for place, line in read_lines(path):
        query, text = _from_json(line, place) if is_jsonl(path) else _from_tsv(line, place)
        if not places and query.lower() in _IDS and text.lower() in _TEXTS:
            continue  # a heading
        if query in places:
            first = places[query].rpartition(":")[2]
            raise SourceError(
                f"{place} has the query id {query!r} again, which line {first} has", "Give each query an id"
            )
        queries[query], places[query] = text, place
    if not queries:
        raise SourceError(f"{path} has no query", _AS_JSON if is_jsonl(path) else _AS_TSV)
    return queries


def _from_json(line: str, place: str) -> tuple[str, str]:
    found = record(line, place, "query", _AS_JSON)
    query, text = first_of(found, _IDS), first_of(found, _TEXTS)
    if not isinstance(query, str | int) or isinstance(query, bool) or query == "":
        raise SourceError(f"{place} is no query (it has no _id)", _AS_JSON)
    if not isinstance(text, str):
        raise SourceError(f"{place} is no query (it has no text)", _AS_JSON)
    return str(query), text


def _from_tsv(line: str, place: str) -> tuple[str, str]:
    query, tab, text = line.partition("\t")
    if not tab or not query.strip():
        raise SourceError(f"{place} is no query (no id and tab before its text)", _AS_TSV)
    return query.strip(), text.strip()
