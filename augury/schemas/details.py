"""What a run file cannot hold: why each query's documents are where they are."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

from .hit import Explanation
from .plan import QueryPlan


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class ExplainedHit(_Part):
    """A document of a run with its explanation, which is that of its best passage, number ``chunk``.

    ``rank`` and ``score`` are those in the run; ranks count from 1.
    """

    doc_id: str
    title: str = ""
    chunk: int = 0
    rank: int
    score: float
    explanation: Explanation


class QueryDetails(_Part):
    """One line of a details file: the hits of one query that a comparison may ask about.

    ``hits`` are the first ones and every relevant one, best first; ``plan`` is None where the query could
    not be planned.
    """

    query_id: str
    text: str
    plan: QueryPlan | None = None
    hits: tuple[ExplainedHit, ...] = ()
