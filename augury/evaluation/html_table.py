"""HTML made of text that is escaped unless it says that it is markup."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from html import escape


class Markup(str):
    """Text that is HTML already; whoever makes one has escaped what is in it."""

    __slots__ = ()


def markup(text: str) -> Markup:
    """``markup("a < b")``: any text as HTML; ``Markup`` stays as it is."""
    return text if isinstance(text, Markup) else Markup(escape(text))


def table(head: Sequence[str], rows: Iterable[Sequence[str]], *, text: Collection[int] = (0,)) -> Markup:
    """``table(["query", "nDCG@10"], [["q1", "0.500"]])``; columns but those in ``text`` are of numbers."""
    kinds = ["" if column in text else ' class="n"' for column in range(len(head))]
    heads = "".join(f"<th{kind}>{markup(each)}</th>" for kind, each in zip(kinds, head, strict=True))
    body = "\n".join(
        "<tr>"
        + "".join(f"<td{kind}>{markup(each)}</td>" for kind, each in zip(kinds, row, strict=True))
        + "</tr>"
        for row in rows
    )
    return Markup(
        f'<div class="wide"><table><thead><tr>{heads}</tr></thead>\n<tbody>\n{body}\n</tbody></table></div>'
    )


def details(summary: str, content: str) -> Markup:
    """Something that is opened by a click, without a script; plain text keeps its lines."""
    inner = content if isinstance(content, Markup) else f"<pre>{escape(content)}</pre>"
    return Markup(f"<details><summary>{escape(summary)}</summary>\n{inner}</details>")
