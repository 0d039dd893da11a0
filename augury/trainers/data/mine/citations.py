"""Candidates from a citation graph: papers that a positive cites and the query's source does not.

What a positive cites is near it in subject, and yet its author did not think of it for the query. Cohan et
al. 2020 (SPECTER), https://arxiv.org/abs/2004.07180. What the query's source cites may answer the query and
is left out, and so is every positive.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ....connector.index import Index
from ....errors import AuguryError, SourceError
from ....evaluation.lines import read_lines, record
from .asked import Asked
from .candidate import Candidate, Found
from .documents import Documents

_SHAPE = 'Write it as {"id": "p1", "cites": ["p2", "p3"]}'

Graph = dict[str, tuple[str, ...]]
"""Paper id -> ids of the papers it cites."""


def read_citations(path: Path) -> Graph:
    """``read_citations(Path("citations.jsonl"))``: lines of one paper add up.

    Raises ``SourceError``, with the line, for one that is no paper with its citations.
    """
    graph: dict[str, dict[str, None]] = {}
    for place, line in read_lines(path):
        found = record(line, place, "paper with its citations", _SHAPE)
        paper, cites = found.get("id"), found.get("cites")
        if not isinstance(paper, str | int) or not isinstance(cites, list):
            raise SourceError(
                f"{place} is no paper with its citations (it has no id or no list of cites)", _SHAPE
            )
        graph.setdefault(str(paper), {}).update(dict.fromkeys(map(str, cites)))
    return {paper: tuple(cites) for paper, cites in graph.items()}


class CitationFinder:
    """``CitationFinder(index, read_citations(path)).find(asked)``; texts come from the index.

    The query's source is the paper that has the query's id, where the graph has one. Candidates are ordered
    and scored by the index's dense similarity.
    """

    def __init__(self, index: Index, graph: Graph) -> None:
        self._index = index
        self._graph = graph
        self._documents = Documents(index)

    def find(self, asked: Sequence[Asked]) -> list[Found | AuguryError]:
        """What each query's positives cite."""
        cited = [self._cited(each) for each in asked]
        wanted = {doc for docs in cited for doc in docs} | {
            doc for each in asked for doc in each.positive_ids
        }
        documents = self._documents.of(sorted(wanted))
        vectors = self._index.models.dense.encode_queries([each.query for each in asked])
        found: list[Found | AuguryError] = []
        for each, docs, vector in zip(asked, cited, vectors, strict=True):
            nearest = {
                doc: documents[doc].nearest(vector)
                for doc in (*docs, *sorted(each.positive_ids))
                if doc in documents
            }
            candidates = sorted(
                (nearest[doc] for doc in docs if doc in nearest),
                key=lambda candidate: (-(candidate.score or 0.0), candidate.passage.doc_id),
            )
            positives = [
                Candidate(passage, *_place(nearest.get(passage.doc_id))) for passage in each.positives
            ]
            positives += [nearest[doc] for doc in each.judged if doc in nearest]
            missing = tuple(doc for doc in (*docs, *each.judged) if doc not in nearest)
            found.append(Found(tuple(candidates), tuple(positives), missing))
        return found

    def _cited(self, asked: Asked) -> list[str]:
        """What the positives cite, each once, without the positives, the source and what that cites."""
        positives = asked.positive_ids
        left_out = {*positives, asked.query_id, *self._graph.get(asked.query_id, ())}
        cited = (doc for paper in sorted(positives) for doc in self._graph.get(paper, ()))
        return [doc for doc in dict.fromkeys(cited) if doc not in left_out]


def _place(candidate: Candidate | None) -> tuple[str | int | None, float | None]:
    return (candidate.point, candidate.score) if candidate else (None, None)
