"""Queries expanded before they are searched and timed: ``ask_all(llm, profile.expansion, queries)``."""

from __future__ import annotations

from collections.abc import Sequence

from augury.connector.query.expand import Expander
from augury.models.llm.client import LlmClient
from augury.schemas.expansion import Expansion, ExpansionProfile
from augury.schemas.llm import LlmProfile


def ask_all(llm: LlmProfile, expansion: ExpansionProfile, queries: Sequence[str]) -> str:
    """Have every query's passages in the cache, asked for side by side and as patiently as ``llm`` says.

    A search gives up sooner and then goes on without passages, which a benchmark must not: a ``SystemExit``
    where one is missing. Returns the name of the model that wrote them.
    """
    with LlmClient.with_cache(llm) as client:
        expander = Expander(expansion, llm=lambda: client)
        found = expander.with_passages(queries, [Expansion(mode="llm")] * len(queries))
        model = client.model
    failed = [each.note for each in found if each.note]
    if failed:
        raise SystemExit(
            f"{len(failed)} of {len(queries)} queries could not be expanded: {failed[0]} "
            "Run the same command again: what was written is kept."
        )
    return model
