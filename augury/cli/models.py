"""``augury models``."""

from __future__ import annotations

from pathlib import Path

import click

from .terminal import console, echo_json, json_option, progress


@click.group()
def models() -> None:
    """List, fetch, find and convert models."""


@models.command("list")
@json_option
def list_models(as_json: bool) -> None:
    """The models Augury knows, and which are here already."""
    from ..models.registry import MODELS
    from ..models.resolve import is_cached

    cards = [{**card.summary(), "here": is_cached(card.name)} for card in MODELS.values()]
    if as_json:
        echo_json({"models": cards})
        return
    out = console()
    if not out.is_terminal:
        for card in cards:
            values = (card["name"], card["kind"], card["dims"] or "", card["size_mb"], card["licence"])
            click.echo("\t".join([*map(str, values), "here" if card["here"] else ""]))
        return
    from rich.table import Table

    table = Table("name", "kind", "dims", "size", "licence", "here", box=None)
    for card in cards:
        table.add_row(
            str(card["name"]),
            str(card["kind"]),
            str(card["dims"] or ""),
            f"{card['size_mb']} MB",
            str(card["licence"]),
            "yes" if card["here"] else "",
        )
    out.print(table)


@models.command()
@click.argument("names", nargs=-1, metavar="[NAME]...")
@json_option
def fetch(names: tuple[str, ...], as_json: bool) -> None:
    """Fetch models and check their sums; without a NAME the default profile's.

    \b
    augury models fetch
    augury models fetch starter:minilm sentence-transformers/all-mpnet-base-v2
    """
    from ..models.registry import DEFAULTS
    from ..models.resolve import fetch as fetch_model

    found = {}
    wanted = names or DEFAULTS
    with progress("Fetching", len(wanted), quiet=as_json) as advance:
        for done, name in enumerate(wanted, start=1):
            found[name] = str(fetch_model(name))
            advance(done)
    if as_json:
        echo_json(found)
    else:
        for name, path in found.items():
            console().print(f"{name}  {path}")


@models.command()
@click.argument("name")
@json_option
def path(name: str, as_json: bool) -> None:
    """Print the folder of a model, fetching it if needed.

    \b
    ls $(augury models path starter:minilm)
    """
    from ..models.resolve import resolve

    resolved = resolve(name)
    if as_json:
        echo_json({"name": name, "path": str(resolved.path), "revision": resolved.revision})
    else:
        click.echo(str(resolved.path))


@models.command()
@click.argument("name")
@click.option(
    "--to", "out", required=True, type=click.Path(path_type=Path), metavar="FOLDER", help="Where to put it."
)
@json_option
def convert(name: str, out: Path, as_json: bool) -> None:
    """Unpack a GGUF into a model folder that vLLM and transformers load.

    NAME is starter:smollm2 or a .gguf file. A folder that already holds this model is kept as it is. Needs:
    pip install 'augury[convert]'

    \b
    augury models convert starter:smollm2 --to smollm2
    augury models convert ~/downloads/my-llama.Q8_0.gguf --to my-llama
    """
    from ..models.gguf import gguf_path, to_checkpoint

    folder = to_checkpoint(gguf_path(name), out.expanduser().resolve())
    if as_json:
        echo_json({"name": name, "path": str(folder)})
    else:
        click.echo(str(folder))
