"""ExpandR's format: Yao et al. 2025, https://arxiv.org/abs/2502.17057.

JSON Lines of a query with lists ``pos`` and ``neg``. ``pseudo_doc``, what an LLM wrote in answer to the
query, is its expansion. ``query`` may be a pair of an instruction and the query, as in the embedding
collections that the data was drawn from; then the instruction is left out.
"""

from __future__ import annotations

from .row_format import Parts, Row, RowFormat, passages_in, text_in, text_of


def _fits(row: Row) -> bool:
    return "query" in row and "pos" in row


def _parts(row: Row) -> Parts:
    pair = row["query"]
    query = text_in(pair[-1], "query") if isinstance(pair, list) and pair else text_of(row, "query")
    written = row.get("pseudo_doc") or ()
    return Parts(
        query,
        "",
        passages_in(row.get("pos"), "pos"),
        passages_in(row.get("neg"), "neg"),
        tuple(text_in(each, "pseudo_doc") for each in ([written] if isinstance(written, str) else written)),
    )


EXPANDR = RowFormat(
    "expandr", '{"query": "...", "pseudo_doc": "...", "pos": ["..."], "neg": ["..."]}', _fits, _parts
)
