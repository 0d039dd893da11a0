"""``augury train``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from .terminal import json_option
from .train_llm import expander, scenarios
from .train_options import (
    FRACTION,
    POSITIVE,
    common_options,
    encoder_options,
    rate,
    smaller_options,
)
from .train_run import chosen, finish, stages


@click.group()
def train() -> None:
    """Train the models from your own data, and refuse one that is worse than its base.

    DATA is a file of training records (JSON Lines), or a folder in BEIR layout as FOLDER or FOLDER:SPLIT.
    The model is measured before and after on queries that it was not trained on, through an index; one that
    finds less is marked, and the command ends with 1. A run that was killed goes on when it is started again.
    """


@train.command(short_help="Train a dense encoder.")
@click.argument("data", required=False)
@click.option("--preset", type=click.Choice(["minilm", "dpr", "specter2", "expandr"]), help="A known recipe.")
@click.option(
    "--loss", type=click.Choice(["contrastive", "triplet", "margin-mse"]), help="[default: contrastive]"
)
@click.option("--margin", type=click.FloatRange(0, min_open=True), help="Of the triplet loss  [default: 0.2]")
@click.option(
    "--towers",
    type=click.Choice(["one", "two", "query-adapter"]),
    help="One encoder, one each for queries and documents, or an adapter for queries alone  [default: one]",
)
@click.option("--document-base", metavar="MODEL", help="With two towers, another base for documents.")
@click.option("--pooling", type=click.Choice(["mean", "cls"]), help="Of a bare transformer  [default: mean]")
@click.option("--lora-rank", type=POSITIVE, help="Of the query adapter  [default: 16]")
@click.option("--expansions", type=click.IntRange(0, 16), help="Passages that a query is averaged with.")
@click.option("--query-weight", type=FRACTION, help="The query's share of that mean  [default: 0.5]")
@click.option("--query-prompt", help="Put before each query, here and in search.")
@click.option("--document-prompt", help="Put before each document, here and in ingest.")
@encoder_options
@common_options
@json_option
def dense(file: Path | None, preset: str | None, quiet: bool, as_json: bool, **options: Any) -> None:
    """Train an encoder of dense vectors.

    \b
    augury train dense records.jsonl --to my-model
    augury train dense scifact:train --dev scifact:test --to my-model --preset minilm
    augury train dense records.jsonl --to my-model --towers query-adapter --loss triplet
    augury train dense --config recipe.toml
    torchrun --nproc-per-node 4 -m augury train dense records.jsonl --to my-model --batch 256
    """
    from ..trainers.config import dense_config
    from ..trainers.dense import train_dense

    config = dense_config(chosen(options), file=file, preset=preset or "")
    with stages(quiet=quiet or as_json) as told:
        finish(train_dense(config, told), as_json)


@train.command(short_help="Train a SPLADE model.")
@click.argument("data", required=False)
@click.option("--preset", type=click.Choice(["splade-tiny"]), help="A known recipe.")
@click.option("--loss", type=click.Choice(["ranking", "margin-mse", "kl"]), help="[default: ranking]")
@click.option(
    "--queries",
    type=click.Choice(["model", "static"]),
    help="Expand queries too, or weigh their own words by a table (inference-free)  [default: model]",
)
@click.option(
    "--flops-query", type=click.FloatRange(0), help="Weight of the queries' FLOPS  [default: 0.005]"
)
@click.option("--flops-document", type=click.FloatRange(0), help="Weight of the documents'  [default: 0.003]")
@click.option("--ramp", type=click.FloatRange(0, 1, min_open=True), help="Share of steps they grow over.")
@click.option("--max-active", type=POSITIVE, help="Most terms of a document on average  [default: 1000]")
@encoder_options
@common_options
@json_option
def splade(file: Path | None, preset: str | None, quiet: bool, as_json: bool, **options: Any) -> None:
    """Train an encoder of sparse vectors (SPLADE).

    \b
    augury train splade records.jsonl --to my-splade
    augury train splade records.jsonl --to my-splade --loss margin-mse --negatives 4
    augury train splade records.jsonl --to my-splade --queries static
    """
    from ..trainers.config import splade_config
    from ..trainers.splade import train_splade

    config = splade_config(chosen(options), file=file, preset=preset or "")
    with stages(quiet=quiet or as_json) as told:
        finish(train_splade(config, told), as_json)


@train.command(short_help="Take terms out of a SPLADE model.")
@click.argument("data")
@click.option("--terms", type=click.IntRange(100), help="Most terms that are kept  [default: 8000]")
@smaller_options
@json_option
def prune(quiet: bool, as_json: bool, **options: Any) -> None:
    """Take the terms out of a SPLADE model that DATA does not use, and measure what that costs.

    Most of the time of a small model goes into its projection onto 30,000 terms. What is kept: single
    characters, so that every word can still be read; the pieces that queries and documents have, the frequent
    ones first; and those that weigh most in documents' vectors. Vectors of the two models do not mix.

    \b
    augury train prune scifact:train --to small-splade --terms 8000
    augury train prune records.jsonl --base my-splade --to my-splade-8000
    """
    from ..trainers.config import prune_config
    from ..trainers.smaller import prune_splade

    with stages(quiet=quiet or as_json) as told:
        finish(prune_splade(prune_config(chosen(options)), told), as_json)


@train.command(short_help="Round the weights of a SPLADE model to 8 bits.")
@click.argument("data")
@smaller_options
@json_option
def quantize(quiet: bool, as_json: bool, **options: Any) -> None:
    """Round the weights of a SPLADE model to 8 bits, and measure on DATA what that costs.

    The folder is a quarter as large and is run by ONNX Runtime (pip install 'augury[onnx]'). It loads
    wherever a sparse model is named. Its vectors do not mix with those of the whole model.

    \b
    augury train quantize scifact:train --to splade-int8
    augury train quantize scifact:train --base my-splade --to my-splade-int8
    augury ingest docs/ --to my-index --sparse my-splade-int8
    """
    from ..trainers.config import quantize_config
    from ..trainers.smaller import quantize_splade

    with stages(quiet=quiet or as_json) as told:
        finish(quantize_splade(quantize_config(chosen(options)), told), as_json)


@train.command(short_help="Train a Hypencoder, which reranks.")
@click.argument("data", required=False)
@click.option(
    "--preset",
    type=click.Choice(
        [
            "minilm",
            "published",
            "tas-b-freeze",
            "tas-b",
            "contriever-freeze",
            "contriever",
            "retromae-freeze",
            "retromae",
            "hard",
        ]
    ),
    help="A known recipe.",
)
@click.option(
    "--qnet",
    type=click.Choice(["corrected-dot", "published"]),
    help="The encoder's similarity and a correction that begins at 0, or the published one from scratch "
    "(corrected-dot if not given).",
)
@click.option(
    "--layers", type=click.IntRange(0, 16), help="Hidden blocks of the q-net (1 if not given); 0: linear."
)
@click.option(
    "--width", type=POSITIVE, help="Of each block (128; of the published q-net the base's, if not given)."
)
@click.option("--head", metavar="MODEL", help="A Hypencoder whose hyper-head is taken to begin with.")
@click.option(
    "--freeze/--no-freeze",
    default=None,
    help="Leave the encoder as it is; texts are then encoded once  [default: freeze]",
)
@click.option(
    "--reads",
    type=click.Choice(["dense", "own"]),
    help="What q-nets read: the index's dense vectors, or their own  [default: dense]",
)
@click.option("--pooling", type=click.Choice(["cls", "mean"]), help="Of the published q-net's own vectors.")
@click.option(
    "--first-stage", metavar="MODEL", help="With --reads own: the dense model whose hits are reranked."
)
@click.option("--rerank-depth", type=POSITIVE, help="Hits scored again in evaluations  [default: 100]")
@click.option(
    "--rerank-weight",
    type=click.FloatRange(0, 1, min_open=True),
    help="The reranker's share of the final score  [default: 1]",
)
@click.option(
    "--loss",
    type=click.Choice(["contrastive", "margin-mse", "both"]),
    help="The last two need a teacher's scores  [default: contrastive]",
)
@click.option(
    "--margin-weight", type=click.FloatRange(0, min_open=True), help="Of margin-MSE in the sum  [default: 1]"
)
@click.option(
    "--contrastive-weight",
    type=click.FloatRange(0, min_open=True),
    help="Of the cross-entropy  [default: 1]",
)
@click.option(
    "--in-batch",
    type=click.Choice(["all", "positives"]),
    help="Which documents of other queries are negatives  [default: all]",
)
@click.option("--near", type=click.FloatRange(0), help="Weight of keeping near the similarity  [default: 0]")
@click.option("--dropout", type=click.FloatRange(0, 1, max_open=True), help="Inside the q-net  [default: 0]")
@click.option("--max-query-tokens", type=click.IntRange(8), help="As --max-tokens, of queries.")
@click.option("--half/--no-half", default=None, help="Write float16  [default: half]")
@rate("1e-3")
@common_options
@json_option
def hypencoder(file: Path | None, preset: str | None, quiet: bool, as_json: bool, **options: Any) -> None:
    """Train a network that reranks: each query becomes a q-net, which scores stored vectors.

    \b
    augury train hypencoder records.jsonl --to my-reranker --preset minilm
    augury train hypencoder scifact:train --dev scifact:test --to my-reranker --layers 2 --width 384
    augury train hypencoder records.jsonl --to my-reranker --base my-first-reranker
    augury train hypencoder records.jsonl --to my-reranker --preset published
    augury search my-index "a query" --hypencoder my-reranker
    """
    from ..trainers.hypencoder import train_hypencoder
    from ..trainers.hypencoder_config import hypencoder_config

    config = hypencoder_config(chosen(options), file=file, preset=preset or "")
    with stages(quiet=quiet or as_json) as told:
        finish(train_hypencoder(config, told), as_json)


train.add_command(scenarios)
train.add_command(expander)
