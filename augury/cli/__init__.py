"""The command line: parse, call one function, print. Heavy imports happen inside commands."""

from __future__ import annotations

import click

from .._version import __version__
from .attach import attach, detach
from .compare import compare
from .data import data
from .evaluate import evaluate
from .generate import generate
from .index import filter_field, refold, status
from .ingest import ingest
from .llm import llm
from .mcp import mcp
from .mine import mine
from .models import models
from .reindex import reindex
from .search import search
from .terminal import Commands
from .train import train
from .tune import tune


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="augury")
def main() -> None:
    """Learned retrieval for Qdrant: ingest a collection, search it.

    An INDEX is a folder (embedded engine) or http(s)://host:port/collection.

    \b
    augury ingest docs/ --to my-index
    augury search my-index "what a user would ask"
    """


for command in (
    ingest,
    search,
    evaluate,
    compare,
    tune,
    status,
    refold,
    reindex,
    filter_field,
    generate,
    attach,
    detach,
    data,
    mine,
    train,
    llm,
    models,
    mcp,
):
    main.add_command(command)
