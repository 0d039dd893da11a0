"""The text of a web page, without its scripts, styles and navigation.

Python's own parser is enough for that, and its time is linear: Beautiful Soup's grows with the square of
the number of ``<br>`` and ``<img>``.
"""

from __future__ import annotations

import re
from html.parser import HTMLParser

from ...errors import DocumentError, InputError
from .text_file import decode

_DROPPED = frozenset(("script", "style", "nav", "template"))
_CELLS = frozenset(("td", "th"))
_BLOCKS = frozenset(
    (
        *("address", "article", "aside", "blockquote", "body", "br", "caption", "dd", "details", "div", "dl"),
        *("dt", "fieldset", "figcaption", "figure", "footer", "form", "h1", "h2", "h3", "h4", "h5", "h6"),
        *(
            "header",
            "hr",
            "li",
            "main",
            "ol",
            "option",
            "p",
            "pre",
            "section",
            "summary",
            "table",
            "tr",
            "ul",
        ),
    )
)
_BREAK = "\0"  # marks line ends; ``decode`` lets no such character through
_DECLARED = re.compile(rb"(?:charset|encoding)\s*=\s*[\"']?([\w.:-]+)")
_HEAD = 2048  # bytes in which a page declares its encoding


def html_text(raw: bytes, encoding: str, source: str) -> tuple[str, str]:
    """Title and text. A page that is not in ``encoding`` is read in the one that it declares.

    Raises ``DocumentError``.
    """
    page = _Page()
    try:
        page.feed(_decoded(raw, encoding, source))
        page.close()
    except AssertionError as error:  # how html.parser refuses a declaration it does not know
        raise DocumentError(
            f"{source} cannot be parsed as HTML: {error}", "Mend the page or leave it out", source=source
        ) from error
    lines = (" ".join(line.split()) for line in "".join(page.text).split(_BREAK))
    return " ".join("".join(page.title).split()), "\n".join(line for line in lines if line)


class _Page(HTMLParser):
    """Collects the title, and the text with breaks where blocks begin and end."""

    def __init__(self) -> None:
        super().__init__()
        self.title: list[str] = []
        self.text: list[str] = []
        self._dropped: list[str] = []
        self._in_title = False
        self._titles = 0
        self._verbatim = 0

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self._in_title = tag == "title"
        self._titles += self._in_title
        if tag in _DROPPED:
            self._dropped.append(tag)
        self._verbatim += tag == "pre"
        self._edge(tag)

    def handle_endtag(self, tag: str) -> None:
        self._in_title = False
        if tag in self._dropped:
            self._dropped.remove(tag)
        self._verbatim = max(0, self._verbatim - (tag == "pre"))
        self._edge(tag)

    def handle_data(self, data: str) -> None:
        if self._in_title:
            if self._titles == 1:
                self.title.append(data)
        elif not self._dropped:
            self.text.append(data.replace("\n", _BREAK) if self._verbatim else data)

    def _edge(self, tag: str) -> None:
        if tag in _BLOCKS or tag in _CELLS:
            self.text.append(_BREAK if tag in _BLOCKS else " ")


def _decoded(raw: bytes, encoding: str, source: str) -> str:
    try:
        return decode(raw, encoding, source)
    except DocumentError as error:
        declared = _DECLARED.search(raw[:_HEAD])
        if declared is None:
            raise
        try:
            return decode(raw, declared[1].decode("ascii", "replace"), source)
        except InputError:
            raise error from None
