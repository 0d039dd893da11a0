"""A BEIR folder: ``corpus.jsonl`` or ``corpus.jsonl.gz`` with ``_id``, ``title``, ``text``, ``metadata``.

The layout of Thakur et al. 2021 (https://arxiv.org/abs/2104.08663); its queries and judgements are no
documents and are not read here.
"""

from __future__ import annotations

from pathlib import Path


def corpus_of(folder: Path) -> Path | None:
    """The corpus in a folder, or None if it is no BEIR folder."""
    names = (folder / "corpus.jsonl", folder / "corpus.jsonl.gz")
    return next((path for path in names if path.is_file()), None)
