"""``augury mcp``."""

from __future__ import annotations

import click

from .options import connection, server_options

PORT = 8765


@click.command()
@click.argument("where", metavar="INDEX")
@click.option("--http", is_flag=True, help="Serve at http://127.0.0.1:PORT/mcp instead of standard input.")
@click.option(
    "--port", type=click.IntRange(1, 65535), default=PORT, show_default=True, help="With --http: its port."
)
@click.option(
    "--max-chars",
    type=click.IntRange(1),
    default=2000,
    show_default=True,
    help="Longest text of a document that is told.",
)
@click.option(
    "--tenant", metavar="VALUE", help="Whose documents are searched, in an index of several tenants."
)
@server_options
def mcp(where: str, http: bool, port: int, max_chars: int, tenant: str | None) -> None:
    """Serve INDEX to assistants over the Model Context Protocol: the tools search and explain.

    The server only reads, and takes no connection from another machine. Standard output belongs to the
    protocol; what there is to tell goes to standard error. A program that speaks the protocol starts it:

    \b
    augury mcp my-index
    augury mcp http://localhost:6333/papers
    augury mcp my-index --http --port 8765
    """
    from .. import open as open_index
    from ..integrations.mcp import mcp_server

    with open_index(where, create=False, connection=connection()) as index:
        server = mcp_server(index, max_chars=max_chars, tenant=tenant)
        if http:
            click.echo(f"Serving {where} at http://127.0.0.1:{port}/mcp", err=True)
            server.run("streamable-http", host="127.0.0.1", port=port)
        else:
            server.run("stdio")
