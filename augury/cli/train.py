"""``augury train``."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from .options import set_given, together
from .terminal import console, echo_json, json_option, plain, progress

if TYPE_CHECKING:
    from ..schemas.training_report import TrainingReport

_POSITIVE = click.IntRange(1)
_FRACTION = click.FloatRange(0, 1, min_open=True, max_open=True)

common_options = together(
    click.option(
        "--to", metavar="FOLDER", help="Where the model goes. Work lies beside it until it is done."
    ),
    click.option(
        "--base", metavar="MODEL", help="A folder, starter: or hub name  [default: a starter model]"
    ),
    click.option(
        "--config",
        "file",
        type=click.Path(exists=True, dir_okay=False, path_type=Path),
        help="A TOML file of the options; flags go before it.",
    ),
    click.option(
        "--dev",
        metavar="FOLDER[:SPLIT]",
        help="Judged queries, BEIR layout  [default: queries of DATA, held out]",
    ),
    click.option("--dev-share", type=_FRACTION, help="Share of DATA's queries held out  [default: 0.1]"),
    click.option("--dev-queries", type=_POSITIVE, help="Most queries evaluated  [default: 1000]"),
    click.option(
        "--dev-documents", type=_POSITIVE, help="Most documents searched for them  [default: 10000]"
    ),
    click.option("--measure", metavar="NAME", help="What decides  [default: nDCG@10]"),
    click.option("--negatives", type=click.IntRange(0, 64), help="Hard negatives of a query  [default: 1]"),
    click.option("--epochs", type=click.FloatRange(0, min_open=True), help="[default: 3]"),
    click.option("--max-steps", type=_POSITIVE, help="Instead of epochs."),
    click.option("--batch", type=_POSITIVE, help="Queries of a step on one device  [default: 32]"),
    click.option("--accumulate", type=_POSITIVE, help="Batches of a step  [default: 1]"),
    click.option("--temperature", type=click.FloatRange(0, min_open=True), help="Scores are divided by it."),
    click.option("--max-tokens", type=click.IntRange(8), help="Tokens read of a text  [default: the base's]"),
    click.option("--evaluate-every", type=_POSITIVE, metavar="STEPS", help="[default: each epoch]"),
    click.option("--patience", type=_POSITIVE, help="Evaluations without a better one  [default: 3]"),
    click.option(
        "--precision", type=click.Choice(["auto", "float32", "bfloat16", "float16"]), help="[default: auto]"
    ),
    click.option(
        "--device", metavar="NAME", help="cuda, mps or cpu  [default: the first of them that is there]"
    ),
    click.option("--seed", type=int, help="[default: 42]"),
    click.option(
        "--licence", metavar="SPDX", help="Of the trained model, for its card  [default: the base's]"
    ),
    click.option("--tensorboard", is_flag=True, default=None, help="Write logs to FOLDER.logs."),
    click.option("--keep-checkpoints", is_flag=True, default=None, help="Do not delete FOLDER.training."),
    click.option(
        "--allow-worse", is_flag=True, default=None, help="Let a model pass that is worse than its base."
    ),
    click.option("--quiet", "-q", is_flag=True, help="No progress bar."),
)
"""What every trainer is told; see ``TrainingConfig``."""


def _rate(default: str) -> Callable[[Any], Any]:
    return click.option(
        "--lr",
        "learning_rate",
        type=click.FloatRange(0, min_open=True),
        help=f"Learning rate  [default: {default}]",
    )


_encoder_options = together(
    click.option("--mini-batch", type=click.IntRange(0), help="Texts at once in the network (GradCache)."),
    _rate("2e-5"),
)


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
@click.option("--lora-rank", type=_POSITIVE, help="Of the query adapter  [default: 16]")
@click.option("--expansions", type=click.IntRange(0, 16), help="Passages that a query is averaged with.")
@click.option("--query-weight", type=_FRACTION, help="The query's share of that mean  [default: 0.5]")
@click.option("--query-prompt", help="Put before each query, here and in search.")
@click.option("--document-prompt", help="Put before each document, here and in ingest.")
@_encoder_options
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

    config = dense_config(_given(options), file=file, preset=preset or "")
    with _stages(quiet=quiet or as_json) as told:
        _end(train_dense(config, told), as_json)


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
@click.option("--max-active", type=_POSITIVE, help="Most terms of a document on average  [default: 1000]")
@_encoder_options
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

    config = splade_config(_given(options), file=file, preset=preset or "")
    with _stages(quiet=quiet or as_json) as told:
        _end(train_splade(config, told), as_json)


@train.command(short_help="Make a SPLADE model smaller.")
@click.argument("data")
@click.option("--to", metavar="FOLDER", required=True, help="Where the smaller model goes.")
@click.option("--base", metavar="MODEL", help="What is made smaller  [default: starter:splade-tiny]")
@click.option("--terms", type=click.IntRange(100), help="Most terms that are kept  [default: 8000]")
@click.option("--dev", metavar="FOLDER[:SPLIT]", help="Judged queries  [default: queries of DATA, held out]")
@click.option("--dev-queries", type=_POSITIVE, help="Most queries evaluated  [default: 1000]")
@click.option("--dev-documents", type=_POSITIVE, help="Most documents searched for them  [default: 10000]")
@click.option("--measure", metavar="NAME", help="What decides  [default: nDCG@10]")
@click.option("--device", metavar="NAME", help="cuda, mps or cpu")
@click.option("--allow-worse", is_flag=True, default=None, help="Let a model pass that is worse.")
@click.option("--quiet", "-q", is_flag=True, help="No progress bar.")
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
    from ..trainers.prune import prune_splade

    with _stages(quiet=quiet or as_json) as told:
        _end(prune_splade(prune_config(_given(options)), told), as_json)


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
    "--width", type=_POSITIVE, help="Of each block (128; of the published q-net the base's, if not given)."
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
@click.option("--rerank-depth", type=_POSITIVE, help="Hits scored again in evaluations  [default: 100]")
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
@_rate("1e-3")
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

    config = hypencoder_config(_given(options), file=file, preset=preset or "")
    with _stages(quiet=quiet or as_json) as told:
        _end(train_hypencoder(config, told), as_json)


llm_training_options = together(
    click.option(
        "--to", metavar="FOLDER", help="Where the model goes. Work lies beside it until it is done."
    ),
    click.option(
        "--base", metavar="MODEL", help="A folder, starter: or hub name  [default: starter:smollm2]"
    ),
    click.option(
        "--config",
        "file",
        type=click.Path(exists=True, dir_okay=False, path_type=Path),
        help="A TOML file of the options; flags go before it.",
    ),
    click.option("--dev-share", type=_FRACTION, help="Share held out  [default: 0.1]"),
    click.option("--dev-rows", type=_POSITIVE, help="Most of it that chooses the step  [default: 64]"),
    click.option("--gate-rows", type=_POSITIVE, help="Most of it that the gate writes for  [default: 32]"),
    click.option("--epochs", type=click.FloatRange(0, min_open=True), help="[default: 3]"),
    click.option("--max-steps", type=_POSITIVE, help="Instead of epochs."),
    click.option("--batch", type=_POSITIVE, help="Examples of a step on one device  [default: 8]"),
    click.option("--accumulate", type=_POSITIVE, help="Batches of a step  [default: 1]"),
    click.option(
        "--lr",
        "learning_rate",
        type=click.FloatRange(0, min_open=True),
        help="Learning rate  [default: 2e-5]",
    ),
    click.option("--lora-rank", type=click.IntRange(0), help="0 trains every weight."),
    click.option("--lora-alpha", type=_POSITIVE, help="The LoRA is scaled by alpha / rank."),
    click.option("--max-tokens", type=click.IntRange(64), help="Of prompt and answer  [default: 4096]"),
    click.option("--gradient-checkpointing", is_flag=True, default=None, help="Less memory, more work."),
    click.option("--evaluate-every", type=_POSITIVE, metavar="STEPS", help="[default: each epoch]"),
    click.option("--patience", type=_POSITIVE, help="Evaluations without a better one  [default: 3]"),
    click.option(
        "--precision", type=click.Choice(["auto", "float32", "bfloat16", "float16"]), help="[default: auto]"
    ),
    click.option(
        "--device", metavar="NAME", help="cuda, mps or cpu  [default: the first of them that is there]"
    ),
    click.option("--seed", type=int, help="[default: 42]"),
    click.option(
        "--licence", metavar="SPDX", help="Of the trained model, for its card  [default: the base's]"
    ),
    click.option("--tensorboard", is_flag=True, default=None, help="Write logs to FOLDER.logs."),
    click.option("--keep-checkpoints", is_flag=True, default=None, help="Do not delete FOLDER.training."),
    click.option(
        "--allow-worse", is_flag=True, default=None, help="Let a model pass that is worse than its base."
    ),
    click.option("--quiet", "-q", is_flag=True, help="No progress bar."),
)
"""What both trainers of LLMs are told; see ``LlmConfig``."""


@train.command(short_help="Distil an LLM that writes scenarios.")
@click.argument("data", required=False)
@click.option("--preset", type=click.Choice(["spike", "smollm2"]), help="A known recipe.")
@click.option("--documents", metavar="SOURCE", help="What DATA's scenarios were made of, if it has no texts.")
@click.option("--needs", type=click.IntRange(1, 16), help="Scenarios it learns to write  [default: 4]")
@click.option("--answer-tokens", type=click.IntRange(16), help="Of the gate's answers  [default: 1024]")
@click.option("--encoder", metavar="MODEL", help="Compares with the teacher's  [default: starter:minilm]")
@llm_training_options
@json_option
def scenarios(file: Path | None, preset: str | None, quiet: bool, as_json: bool, **options: Any) -> None:
    """Teach a small LLM to write scenarios as a strong one does.

    DATA is a file of the strong one's scenarios (augury generate scenarios --teacher). The model learns the
    very prompt that ingest sends and the answer that ingest reads. What comes out is a whole model folder,
    for vLLM or any server that loads one.

    
    augury generate scenarios docs/ -o teacher.jsonl --teacher --llm-model gpt-4o
    augury train scenarios teacher.jsonl --to my-llm --preset smollm2
    augury train scenarios teacher.jsonl --to my-llm --preset spike
    augury train scenarios teacher.jsonl --documents docs/ --to my-llm --base my-base --lora-rank 0
    torchrun --nproc-per-node 4 -m augury train scenarios teacher.jsonl --to my-llm --preset spike
    """
    from ..trainers.llm.config import scenario_config
    from ..trainers.scenarios import train_scenarios

    config = scenario_config(_given(options), file=file, preset=preset or "")
    with _stages(quiet=quiet or as_json) as told:
        _end(train_scenarios(config, told), as_json)


@train.command(short_help="Train an LLM that writes expansions, by preferences.")
@click.argument("data", required=False)
@click.option("--preset", type=click.Choice(["expandr", "smollm2"]), help="A known recipe.")
@click.option("--adapter", metavar="FOLDER", help="A PEFT adapter of the base to train on; the reference.")
@click.option(
    "--beta", type=click.FloatRange(0, min_open=True), help="Cost of leaving the reference  [default: 0.1]"
)
@click.option("--answer-tokens", type=click.IntRange(16), help="Of the gate's passages  [default: 128]")
@llm_training_options
@json_option
def expander(file: Path | None, preset: str | None, quiet: bool, as_json: bool, **options: Any) -> None:
    """Teach an LLM by preferences (DPO) to write expansions that help a search.

    DATA is a file of preference pairs (augury generate preferences).

    \b
    augury train expander preferences.jsonl --to my-llm --preset smollm2
    augury train expander preferences.jsonl --to my-llm --preset expandr
    augury train expander preferences.jsonl --to my-llm --base my-base --adapter my-sft-adapter
    """
    from ..trainers.expander import train_expander
    from ..trainers.llm.config import expander_config

    config = expander_config(_given(options), file=file, preset=preset or "")
    with _stages(quiet=quiet or as_json) as told:
        _end(train_expander(config, told), as_json)


def _given(options: dict[str, Any]) -> dict[str, Any]:
    given: dict[str, Any] = {}
    set_given(given, **options)
    return given


@contextmanager
def _stages(*, quiet: bool) -> Iterator[Callable[[str, int, int], None]]:
    """A bar for each stage, one after the other."""
    with ExitStack() as stack:
        shown: list[tuple[str, Callable[[int], None]]] = []

        def told(stage: str, done: int, total: int) -> None:
            if not shown or shown[-1][0] != stage:
                stack.close()
                shown.append((stage, stack.enter_context(progress(stage, total, quiet=quiet))))
            shown[-1][1](done)

        yield told


def _end(report: TrainingReport | None, as_json: bool) -> None:
    """Print what came of it; a refused model ends with 1."""
    if report is None:
        return  # one of several processes; the first one tells
    if as_json:
        echo_json(report.model_dump(mode="json"))
    else:
        _show(report)
    if not report.accepted:
        raise SystemExit(1)


def _show(report: TrainingReport) -> None:
    from .tables import print_table

    rows = [
        [
            measure,
            f"{gain.after.mean:.3f}",
            f"({gain.before.mean:.3f})",
            f"{gain.difference.mean:+.3f} [{gain.difference.low:+.3f}, {gain.difference.high:+.3f}]",
        ]
        for measure, gain in report.measures.items()
    ]
    counts = report.counts
    held = [
        f"{count} {what}"
        for count, what in ((counts.dev_queries, "queries"), (counts.dev_documents, "documents"))
        if count
    ]
    title = f"{report.dev}: {', '.join(held)}"
    print_table(["", "after", "(before)", "difference"], rows, title=title)
    out = console()
    for when, terms in report.active_terms.items():
        out.print(f"Active terms {when}: {terms.queries:.0f} in queries, {terms.documents:.0f} in documents")
    out.print(f"Steps: {report.steps}; the best model is of step {report.best_step}; {report.seconds:.0f} s")
    if len(report.curve) > 1:
        curve = ", ".join(f"{score:.3f} ({step})" for step, score in report.curve)
        out.print(f"Score by step: {curve}")
    for note in (*report.checks, *report.notes):
        out.print(plain(note))
    out.print(plain(report.verdict))
    out.print(f"Model: {plain(report.model)}")
