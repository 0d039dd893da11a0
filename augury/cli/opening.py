"""Opening an index to search it, with the models that the command line names."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click

from ..errors import FilterError
from .options import connection, set_llm
from .settings import Settings

if TYPE_CHECKING:
    from ..connector.index import Index
    from ..schemas.profile import Profile

_MODELS = (
    "hypencoder",
    "cross_encoder",
    "rules",
    "llm_url",
    "llm_model",
    "llm_concurrency",
    "llm_timeout",
)


def split_models(choices: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """What ``search_options`` and ``llm_options`` read: for ``open_for_search``, and for ``Settings``."""
    models = {name: value for name, value in choices.items() if name in _MODELS}
    return models, {name: value for name, value in choices.items() if name not in _MODELS}


@contextmanager
def open_for_search(
    where: str,
    settings: Settings,
    *,
    hypencoder: str | None,
    cross_encoder: str | None,
    rules: str | None,
    llm_url: str | None,
    llm_model: str | None,
    llm_concurrency: int | None,
    llm_timeout: float | None,
) -> Iterator[Index]:
    """``with open_for_search("my-index", settings, **models) as index``.

    Rules that are named are used, unless ``settings`` or the index say how to expand.
    """
    from .. import open as open_index
    from ..models.resolve import whole_path

    if settings.expand == "rules" and rules is None:
        raise click.UsageError("--expand rules needs a table. Name it with --rules FILE.")
    if hypencoder and cross_encoder:
        raise click.UsageError("Only one reranker can be named: --hypencoder or --cross-encoder.")
    settings.options()  # a wrong condition costs no loading of models

    def chosen(profile: Profile) -> Profile:
        changes = profile.model_dump()
        set_llm(changes, llm_url, llm_model, llm_concurrency, llm_timeout)
        if cross_encoder:
            changes["rerank"].update(by="cross-encoder", cross_encoder=cross_encoder)
        if hypencoder:
            changes["rerank"]["by"] = "hypencoder"
            if whole_path(hypencoder) != (changes["hypencoder"] or {}).get("model"):
                changes["hypencoder"] = {"model": whole_path(hypencoder), "reads": "dense"}
        return type(profile).model_validate(changes)

    with open_index(where, create=False, profile=chosen, connection=connection(), rules=rules) as index:
        settings.layout = index.profile.payload
        if rules and settings.expand is None and index.profile.expansion.mode == "off":
            settings.expand = "rules"
        yield index


def parsed_filter(filter_json: str | None) -> dict[str, Any] | None:
    """The object of ``--filter``. Raises ``FilterError``."""
    if filter_json is None:
        return None
    try:
        filter = json.loads(filter_json)
    except ValueError as error:
        raise FilterError(
            f"--filter is not JSON ({error})",
            'Write it as {"must": [{"key": "metadata.year", "range": {"gte": 2020}}]}',
        ) from error
    if not isinstance(filter, dict):
        raise FilterError("--filter is not a JSON object", 'Write it as {"must": [...]}')
    return filter
