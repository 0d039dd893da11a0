"""``augury llm``."""

from __future__ import annotations

from typing import Any

import click

from .options import llm_options, set_llm
from .terminal import console, echo_json, json_option, plain


@click.group(short_help="See whether an LLM server can be used.")
def llm() -> None:
    """See whether an LLM server can be used."""


@llm.command(short_help="What a server can do, and how fast it is.")
@llm_options
@click.option(
    "--tokens", type=click.IntRange(1), default=64, show_default=True, help="Tokens of each timed answer."
)
@json_option
def check(tokens: int, as_json: bool, **choices: Any) -> None:
    """Say whether the server answers, enforces JSON schemas and counts tokens, and how fast it is.

    Speed is measured with 1, with 8 and with --llm-concurrency requests at once.

    \b
    augury llm check --llm-url http://localhost:8000/v1
    OPENAI_BASE_URL=http://localhost:8000/v1 augury llm check --json
    """
    from ..models.llm.check import check_endpoint
    from ..models.llm.client import LlmClient
    from ..schemas.profile import Profile

    changes = Profile().model_dump()
    set_llm(changes, *(choices[f"llm_{name}"] for name in ("url", "model", "concurrency", "timeout")))
    with LlmClient(Profile.model_validate(changes).llm) as client:
        report = check_endpoint(client, tokens)
    if as_json:
        echo_json(report.model_dump(mode="json"))
        return
    out = console()
    out.print(
        f"[bold]{plain(report.model)}[/] at {plain(report.url)} answers in {report.first_answer_ms:.0f} ms"
    )
    if len(report.models) > 1:
        out.print(f"It also lists {plain(', '.join(name for name in report.models if name != report.model))}")
    out.print(f"Context: {f'{report.context} tokens' if report.context else 'not told'}")
    enforced = "enforced" if report.enforces_schema else "not enforced: answers are validated and repaired"
    out.print(f"JSON schemas: {enforced}")
    counted = "counted by the server" if report.counts_tokens else "guessed at 4 characters a token"
    out.print(f"Tokens: {counted}")
    for speed in report.speeds:
        out.print(f"{speed.concurrency:>4} at once: {speed.tokens_per_second:.0f} tokens/s")
