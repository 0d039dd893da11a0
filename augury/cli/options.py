"""Options that several commands share, each group as one decorator."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, TypeVar, cast, get_args

import click

from ..errors import AuguryError
from ..schemas.collection import IndexKind
from ..schemas.connection import Connection
from .settings import Settings

MOST_HITS = 10_000
_FILE = click.Path(dir_okay=False, path_type=Path)
F = TypeVar("F", bound=Callable[..., Any])
_CONNECTION = "augury.connection"


def together(*options: Callable[[F], F]) -> Callable[[F], F]:
    def decorate(command: F) -> F:
        for option in reversed(options):
            command = option(command)
        return command

    return decorate


def _read_as_set(ctx: click.Context, parameter: click.Parameter, value: str | None) -> Any:
    """An option that is written as ``:set`` of the prompt writes it."""
    if value is None:
        return None
    settings = Settings()
    try:
        settings.set(str(parameter.name), value)
    except AuguryError as error:
        raise click.BadParameter(str(error), ctx, parameter) from error
    return getattr(settings, str(parameter.name))


def _remember(ctx: click.Context, parameter: click.Parameter, value: Any) -> None:
    """Keep an option of ``server_options`` for ``connection``."""
    ctx.meta.setdefault(_CONNECTION, {})[parameter.name] = value


def connection() -> Connection:
    """How ``server_options`` of the command under way say that a server is reached."""
    given = click.get_current_context().meta.get(_CONNECTION, {})
    return Connection(**{name: value for name, value in given.items() if value is not None})


server_options = together(
    click.option(
        "--timeout",
        "timeout_s",
        type=click.IntRange(1),
        envvar="QDRANT_TIMEOUT",
        metavar="SECONDS",
        help="How long a Qdrant server may take for one request  [default: 60]",
        callback=_remember,
        expose_value=False,
    ),
    click.option(
        "--grpc-port",
        type=click.IntRange(0, 65535),
        envvar="QDRANT_GRPC_PORT",
        metavar="PORT",
        help="Where its gRPC answers; 0 for REST only  [default: 6334 where REST is at 6333]",
        callback=_remember,
        expose_value=False,
    ),
    click.option(
        "--ca-cert",
        type=_FILE,
        envvar="QDRANT_CA_CERT",
        help="A PEM file of the authority that signed its certificate.",
        callback=_remember,
        expose_value=False,
    ),
    click.option(
        "--insecure-api-key",
        is_flag=True,
        envvar="AUGURY_INSECURE_API_KEY",
        help="Send the key of QDRANT_API_KEY over http to another machine.",
        callback=_remember,
        expose_value=False,
    ),
)
"""How a Qdrant server is reached: read by ``connection``."""

source_options = together(
    click.option("--id-field", help="Field that holds a record's id  [default: _id, id or doc_id]"),
    click.option("--text-field", help="Field that holds its text  [default: text, body or content]"),
    click.option("--title-field", help="Field that holds its title  [default: title]"),
    click.option(
        "--format",
        "kind",
        type=click.Choice(["auto", "jsonl", "csv", "parquet", "beir", "folder"]),
        default="auto",
        show_default=True,
        help="What SOURCE is, where its name does not say.",
    ),
    click.option("--encoding", default="utf-8", show_default=True, help="Text encoding of the source."),
)
"""How a source is read: ``id_field``, ``text_field``, ``title_field``, ``kind``, ``encoding``."""

model_options = together(
    click.option("--alpha", type=click.FloatRange(0, 1), help="Weight of the passage against its scenarios."),
    click.option(
        "--scenario-fields",
        metavar="NAME,...",
        help="What of a scenario is embedded: any of need, document, topic, key_points, explanation  "
        "[default: all but document]",
    ),
    click.option(
        "--needs",
        type=click.IntRange(1, 16),
        help="Most scenarios the LLM is asked for a passage  [default: 4]",
    ),
    click.option("--dense", metavar="MODEL", help="Dense model: starter:minilm, a folder, or a hub name."),
    click.option(
        "--sparse",
        metavar="MODEL|bm25|none",
        help="Sparse model: bm25, bm25:k=0.9,b=0.4, starter:splade-tiny, none, ...",
    ),
    click.option(
        "--hypencoder",
        metavar="MODEL|none",
        help="Rerank searches by the q-nets of this model: a folder or hub name.",
    ),
    click.option(
        "--hypencoder-reads",
        type=click.Choice(["own", "dense"]),
        help="The vectors its q-nets read: their own, written beside the others, or the dense ones.",
    ),
)
"""What makes the vectors: ``alpha``, ``scenario_fields``, ``needs``, ``dense``, ``sparse``, ``hypencoder``,
``hypencoder_reads``."""

chunk_options = together(
    click.option(
        "--chunk", type=click.Choice(["sentences", "none"]), help="Cut documents, or keep each whole."
    ),
    click.option("--chunk-min", type=click.IntRange(1), help="Fewest characters of a chunk  [default: 500]"),
    click.option("--chunk-max", type=click.IntRange(1), help="Most characters of a chunk  [default: 2000]"),
    click.option(
        "--chunk-overlap",
        type=click.FloatRange(0, 0.5, max_open=True),
        help="Share repeated  [default: 0.15]",
    ),
)
"""How documents are cut: ``chunk``, ``chunk_min``, ``chunk_max``, ``chunk_overlap``."""

llm_options = together(
    click.option("--llm-url", metavar="URL", help="An OpenAI-compatible server  [default: OPENAI_BASE_URL]"),
    click.option("--llm-model", metavar="NAME", help="Its model  [default: the only one it lists]"),
    click.option(
        "--llm-concurrency", type=click.IntRange(1), help="Requests in flight at once  [default: 32]"
    ),
    click.option(
        "--llm-timeout",
        type=click.FloatRange(0, min_open=True),
        help="Seconds for one request  [default: 300]",
    ),
)
"""Which LLM is asked, and how: ``llm_url``, ``llm_model``, ``llm_concurrency``, ``llm_timeout``."""

_FILTERED = (
    click.option(
        "--where", "clauses", multiple=True, metavar="KEY=VALUE", help="Condition on metadata. Repeatable."
    ),
    click.option("--filter", "filter_json", metavar="JSON", help="A Qdrant filter as JSON."),
    click.option(
        "--tenant", metavar="VALUE", help="Whose documents to search, in an index of several tenants."
    ),
    click.option(
        "--exact",
        is_flag=True,
        default=None,
        help="Compare every vector, even where a server has a graph that answers sooner.",
    ),
)
_RERANKED = (
    click.option(
        "--reranker",
        type=click.Choice(["hypencoder", "cross-encoder"]),
        help="By what  [default: the index's, or the one that is named]",
    ),
    click.option("--hypencoder", metavar="MODEL", help="A Hypencoder that reads the index's dense vectors."),
    click.option("--cross-encoder", metavar="MODEL", help="A cross-encoder: a folder or a hub name."),
)
_EXPANDED = (
    click.option(
        "--expand",
        type=click.Choice(["off", "rules", "llm", "auto"]),
        help="Add to the query: by the rules, by an LLM too, or by it only where the first search is unsure.",
    ),
    click.option("--rules", metavar="FILE", help="A TOML file of abbreviations and synonyms."),
)
_CANDIDATES = click.option(
    "--candidates", type=click.IntRange(1, MOST_HITS), help="Passages taken from each branch."
)

branches_option = click.option(
    "--branches",
    callback=_read_as_set,
    metavar="NAME,...",
    help="Any of scenarios, dense, sparse  [default: the index's]",
)

search_options = together(
    branches_option,
    *_FILTERED,
    click.option("--alpha", type=click.FloatRange(0, 1), help="Weight of the passage against its scenarios."),
    click.option("--fusion", type=click.Choice(["rrf", "dbsf", "weighted"]), help="How branches are fused."),
    click.option(
        "--weights",
        callback=_read_as_set,
        metavar="NAME=NUMBER,...",
        help="Weights of the branches when fused.",
    ),
    click.option(
        "--pool",
        type=click.Choice(["max", "soft"]),
        help="Score a passage by its best scenario, or by all of them softly.",
    ),
    _CANDIDATES,
    click.option(
        "--rerank",
        type=click.IntRange(0, MOST_HITS),
        metavar="N",
        help="Score the best N candidates again; 0 for none  [default: the index's]",
    ),
    click.option(
        "--rerank-weight",
        type=click.FloatRange(0, 1),
        help="The reranker's share of the score  [default: the index's, at first 0.2]",
    ),
    *_RERANKED,
    click.option(
        "--by-qnet",
        callback=_read_as_set,
        metavar="METHOD",
        help="Find by the Hypencoder's q-net alone: exhaustive, neighbours or gradient. Settings after a "
        "colon, as in gradient:width=4,rounds=8.",
    ),
    click.option(
        "--diversity",
        type=click.FloatRange(0, 1),
        help="How much a hit loses for being like those before it.",
    ),
    *_EXPANDED,
)
"""How a search is done: fields of ``Settings``, ``clauses``, ``filter_json``, and what opens the index:
``hypencoder``, ``cross_encoder``, ``rules``."""

tuning_options = together(
    *_FILTERED,
    _CANDIDATES,
    click.option(
        "--rerank", type=click.IntRange(0, 0), metavar="0", help="Leave the index's reranker out of it."
    ),
    *_RERANKED,
    *_EXPANDED,
)
"""What tuning may use beside the index: fields of ``Settings`` and what opens the index, as above."""

storage_options = together(
    click.option(
        "--storage",
        type=click.Choice(["memory", "disk"]),
        help="Where a server keeps what searches read  [default: memory]",
    ),
    click.option(
        "--quantization",
        type=click.Choice(["none", "int8", "binary", "product"]),
        help="Smaller vectors that a server searches first; the whole ones have the last word.",
    ),
    click.option("--shards", type=click.IntRange(1), help="Into how many parts a cluster splits the index."),
    click.option("--replicas", type=click.IntRange(1), help="How many copies of each it keeps."),
    click.option(
        "--write-consistency",
        type=click.IntRange(1),
        help="How many copies must have a write before it counts.",
    ),
)
"""How a server keeps a new index: ``storage``, ``quantization``, ``shards``, ``replicas``,
``write_consistency``."""

dataset_options = together(
    click.option(
        "--dataset",
        metavar="FOLDER[:SPLIT]|ID",
        help="A BEIR folder, or an id of ir_datasets: beir/scifact/test.",
    ),
    click.option("--split", default="test", show_default=True, help="Which judgements of a BEIR folder."),
    click.option(
        "--queries",
        type=_FILE,
        help="Instead of a dataset: queries as JSON Lines, or id, tab and text on each line.",
    ),
    click.option("--qrels", type=_FILE, help="Their judgements, as TREC or BEIR writes them, or JSON Lines."),
    click.option(
        "--exclude-self/--keep-self",
        default=None,
        help="Drop the document that has the query's own id  [default: only where arguana is in the name]",
    ),
    click.option(
        "--measure",
        "-m",
        "measures",
        multiple=True,
        metavar="NAME",
        help="Such as nDCG@10, R@100, RR@10, AP. Repeatable.",
    ),
)
"""What is measured, and by what: ``dataset``, ``split``, ``queries``, ``qrels``, ``exclude_self``,
``measures``."""

run_options = together(
    click.option(
        "--on-error",
        type=click.Choice(["continue", "stop"]),
        default="continue",
        show_default=True,
        help="What a bad document does to the others.",
    ),
    click.option(
        "--dead-letters",
        type=click.Path(dir_okay=False, path_type=Path),
        help="Where documents that failed are written.",
    ),
    click.option("--quiet", "-q", is_flag=True, help="No progress bar."),
)
"""How a long run behaves: ``on_error``, ``dead_letters``, ``quiet``."""


def typed_fields(fields: Iterable[str]) -> dict[str, IndexKind]:
    """``typed_fields(["year:integer"])``: metadata fields with the kind of their payload index."""
    found: dict[str, IndexKind] = {}
    for field in fields:
        name, separator, kind = field.rpartition(":")
        if not separator:
            raise click.UsageError(f"{field} lacks its type. Write it as {field}:keyword.")
        if not name:
            raise click.UsageError(f"{field} names no field. Write it as year{field}.")
        if kind not in get_args(IndexKind):
            raise click.UsageError(f"{kind} is no type of a field. Use {', '.join(get_args(IndexKind))}.")
        path = name if name.startswith("metadata.") else f"metadata.{name}"
        if found.setdefault(path, cast(IndexKind, kind)) != kind:
            raise click.UsageError(f"{name} is given two types, {found[path]} and {kind}. Choose one.")
    return found


def set_given(part: dict[str, Any], **values: Any) -> None:
    """Take over the options that were given into a part of a profile."""
    part.update({name: value for name, value in values.items() if value is not None})


def set_llm(
    changes: dict[str, Any],
    llm_url: str | None,
    llm_model: str | None,
    llm_concurrency: int | None,
    llm_timeout: float | None,
) -> None:
    """Take over ``llm_options`` into a profile's values."""
    set_given(
        changes["llm"], base_url=llm_url, model=llm_model, concurrency=llm_concurrency, timeout=llm_timeout
    )


def set_sparse(changes: dict[str, Any], sparse: str | None) -> None:
    """Take over ``--sparse`` into a profile's values."""
    if sparse == "none":
        changes["sparse"] = None
    elif sparse is not None and (changes["sparse"] or {}).get("model") != sparse:
        changes["sparse"] = {"model": sparse}


def set_chunk(
    changes: dict[str, Any],
    chunk: str | None,
    chunk_min: int | None,
    chunk_max: int | None,
    chunk_overlap: float | None,
) -> None:
    """Take over ``chunk_options`` into a profile's values."""
    set_given(changes["chunk"], mode=chunk, min_chars=chunk_min, max_chars=chunk_max, overlap=chunk_overlap)
