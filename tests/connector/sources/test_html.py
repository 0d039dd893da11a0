"""Web pages: text without furniture, a line for each block."""

from __future__ import annotations

import pytest

from augury.connector.sources.html import html_text
from augury.errors import DocumentError


def text(page: str) -> str:
    return html_text(page.encode(), "utf-8", "page.html")[1]


def test_blocks_part_lines_and_inline_elements_do_not() -> None:
    page = "<h1>Head</h1><p>one\n <b>two</b> th<i>ree</i></p><ul><li>a<li>b</ul>x<br>y<hr/>z"
    assert text(page) == "Head\none two three\na\nb\nx\ny\nz"


def test_cells_are_parted_by_spaces() -> None:
    assert text("<table><tr><th>a</th><td>b</td></tr><tr><td>c<td>d</table>") == "a b\nc d"


def test_furniture_is_dropped() -> None:
    page = (
        "<title>T</title><style>p {}</style><script>if (a < b) '<p>no</p>'</script><!-- no -->"
        "<nav><ul><li>Home</li></ul></nav><template><p>no</p></template><p>yes</p></script></nav>"
    )
    assert html_text(page.encode(), "utf-8", "page.html") == ("T", "yes")


def test_entities_are_decoded_and_code_keeps_its_lines() -> None:
    assert (
        text("<p>a &lt; b &amp; c&nbsp;&#x1F600;</p><pre>x = 1\ny = 2</pre>") == "a < b & c 😀\nx = 1\ny = 2"
    )


@pytest.mark.parametrize(
    "page",
    [
        "<head><title>T<body><p>words",
        "<p>words</head></html>",
        "<?xml version='1.0'?><html><p>words",
        "words",
    ],
)
def test_sloppy_pages_are_read(page: str) -> None:
    assert text(page) == "words"


def test_only_the_first_title_counts() -> None:
    assert html_text(b"<title>A</title><svg><title>B</title></svg>x", "utf-8", "p") == ("A", "x")


def test_a_declared_encoding_is_used_when_the_named_one_does_not_fit() -> None:
    page = '<meta charset="windows-1252"><p>café'.encode("cp1252")
    assert html_text(page, "utf-8", "page.html")[1] == "café"
    for declared in (b"", b"<meta charset=nonsense>", b"<meta charset='ascii'>"):
        with pytest.raises(DocumentError, match=r"is not utf-8: .* --encoding"):
            html_text(declared + b"caf\xe9", "utf-8", "page.html")


def test_deep_and_long_pages_are_read() -> None:
    assert text("<div>" * 20_000 + "deep") == "deep"
    assert text("a<br><img>" * 20_000).count("\n") == 19_999


def test_a_declaration_that_the_parser_refuses_is_an_error() -> None:
    with pytest.raises(DocumentError, match=r"page\.html cannot be parsed"):
        text("<![nonsense[ x ]]>")
