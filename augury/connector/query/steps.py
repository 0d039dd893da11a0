"""What a search asks for on its way, one small request at a time.

``search_steps`` (in ``core``) yields these and is sent the answers. Who drives it decides how they are
answered: for one query or many at once, in this thread or beside an event loop.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ...models.reranker import MadeQNet
from ...schemas.expansion import Expansion
from ...schemas.plan import QueryPlan, Rerank
from ...schemas.points import Filter, FloatArray, PointId, SearchRequest
from .compile import QueryVectors

NOTHING = QueryVectors(None, None)


@dataclass(frozen=True, slots=True, eq=False)
class Look:
    """Answered by the first passages that match, by id from ``start`` on, with these parts (``Page``)."""

    stage = "fetch"
    filter: Filter | None
    payload: bool | tuple[str, ...]
    limit: int
    vectors: tuple[str, ...] = ()
    start: PointId | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Ask:
    """Have the LLM write passages for the query. Answered by the ``Expansion`` with them."""

    stage = "expand"
    query: str
    expansion: Expansion


@dataclass(frozen=True, slots=True, eq=False)
class Encode:
    """Answered by ``QueryVectors``: what ``known`` lacks of what the plan (or ``dense``) needs, and the
    expansion's passages taken into the dense vector; a ``known`` one must not have them yet."""

    stage = "encode"
    plan: QueryPlan
    expansion: Expansion
    known: QueryVectors = NOTHING
    dense: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class Search:
    """Answered by one ``list[ScoredPoint]`` a request."""

    stage = "search"
    requests: Sequence[SearchRequest]


@dataclass(frozen=True, slots=True, eq=False)
class Fetch:
    """Answered by ``dict[PointId, Record]``; points that are gone are absent."""

    stage = "fetch"
    ids: Sequence[PointId]
    vectors: tuple[str, ...]
    payload: bool | tuple[str, ...] = False


@dataclass(frozen=True, slots=True, eq=False)
class Score:
    """Answered by ``(candidates,)`` scores: of vectors ``(candidates, dim)`` by the q-net made from the
    query, of texts by the cross-encoder."""

    stage = "rerank"
    query: str
    rerank: Rerank
    candidates: FloatArray | Sequence[str]


@dataclass(frozen=True, slots=True, eq=False)
class Make:
    """Answered by the ``MadeQNet`` that the Hypencoder makes of the query."""

    stage = "qnet"
    query: str


@dataclass(frozen=True, slots=True, eq=False)
class Evaluate:
    """Answered by the q-net's scores ``(items,)`` of vectors ``(items, dim)``."""

    stage = "qnet"
    qnet: MadeQNet
    items: FloatArray


@dataclass(frozen=True, slots=True, eq=False)
class Differentiate:
    """Answered by the gradient ``(items, dim)`` of the q-net's score at each of the vectors."""

    stage = "qnet"
    qnet: MadeQNet
    items: FloatArray


Step = Look | Ask | Encode | Search | Fetch | Score | Make | Evaluate | Differentiate
