"""What a format of training rows is: how to know it, and what a row says."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from ....connector.sources.metadata import plain, string
from ....schemas.training import TrainingPassage, TrainingRecord

Row = Mapping[str, Any]

_TEXTS = ("text", "document", "content", "passage", "abstract")
_IDS = ("doc_id", "_id", "id", "passage_id", "psg_id")


@dataclass(frozen=True)
class Parts:
    """What one row says of a query; one of several rows may say only what does not answer it."""

    query: str
    query_id: str = ""
    positives: tuple[TrainingPassage, ...] = ()
    negatives: tuple[TrainingPassage, ...] = ()
    expansions: tuple[str, ...] = ()

    def with_more(self, other: Parts) -> Parts:
        """The two together, each passage once; a positive's teacher score fills in one that lacks it."""
        return replace(
            self,
            positives=_once(self.positives + other.positives),
            negatives=_once(self.negatives + other.negatives),
            expansions=tuple(dict.fromkeys(self.expansions + other.expansions)),
        )

    def record(self) -> TrainingRecord:
        """Raises ``ValueError`` where nothing answers the query."""
        if not self.positives:
            raise ValueError("no passage answers its query")
        return TrainingRecord(
            query=self.query,
            query_id=self.query_id,
            positives=self.positives,
            negatives=self.negatives,
            expansions=self.expansions,
        )


@dataclass(frozen=True)
class RowFormat:
    """A format whose rows are objects, whether in lines, an array or a table.

    Attributes:
        shape: a row, for people.
        fits: whether a row is of this format.
        parts: what a row says; raises ``ValueError`` with a reason for one that cannot be used.
        merges: rows of one query that follow each other are one record.
    """

    name: str
    shape: str
    fits: Callable[[Row], bool]
    parts: Callable[[Row], Parts]
    merges: bool = False


def text_of(row: Row, field: str) -> str:
    """The text of a field. Raises ``ValueError`` where it is absent, blank or no text."""
    return text_in(row.get(field), field)


def text_in(value: Any, field: str) -> str:
    """A value that must be a text with something in it. Raises ``ValueError``."""
    if value is None:
        raise ValueError(f"it has no {field!r}")
    if not isinstance(value, str):
        raise ValueError(f"{field!r} is no text but {type(value).__name__}")
    try:
        text = string(value, field)
    except ValueError as error:
        raise ValueError(error.args[0]) from None
    if not text.strip():
        raise ValueError(f"{field!r} is empty")
    return text


def passage_in(value: Any, field: str) -> TrainingPassage:
    """A passage from a text, or from an object with a text and perhaps title, id and score.

    Raises ``ValueError``.
    """
    if not isinstance(value, Mapping):
        return TrainingPassage(text=text_in(value, field))
    name = next((name for name in _TEXTS if value.get(name) is not None), None)
    title = value.get("title") or ""
    if name is None and not title:
        raise ValueError(f"{field!r} has a passage without text")
    text = value[name] if name else ""
    return TrainingPassage(
        text=text_in(text, f"{field}.{name}") if not title else _text(text, f"{field}.{name}"),
        title=_text(title, f"{field}.title"),
        doc_id=id_in(value, _IDS),
        score=score_in(value.get("score"), f"{field}.score"),
    )


def passages_in(value: Any, field: str) -> tuple[TrainingPassage, ...]:
    """Passages from a list, from one passage, or from nothing. Raises ``ValueError``."""
    value = plain(value)
    if value is None:
        return ()
    return tuple(passage_in(each, field) for each in (value if isinstance(value, list) else [value]))


def score_in(value: Any, field: str) -> float | None:
    """A number, also one written as text; None where there is none. Raises ``ValueError``."""
    if value is None or value == "":
        return None
    try:
        score = float(value)
    except (TypeError, ValueError):
        raise ValueError(f"{field!r} is {value!r:.40} and no number") from None
    if score != score or score in (float("inf"), float("-inf")):
        raise ValueError(f"{field!r} is {score}, which is no finite number")
    return score


def id_in(row: Row, names: tuple[str, ...]) -> str:
    """The first of these fields that is an id, or the empty string."""
    found = next((row[name] for name in names if isinstance(row.get(name), str | int)), "")
    return str(found)


def _text(value: Any, field: str) -> str:
    """A text that may be blank."""
    return text_in(value, field) if value != "" else ""


def _once(passages: tuple[TrainingPassage, ...]) -> tuple[TrainingPassage, ...]:
    found: dict[tuple[str, str], TrainingPassage] = {}
    for passage in passages:
        known = found.setdefault((passage.title, passage.text), passage)
        if known.score is None and passage.score is not None:
            found[passage.title, passage.text] = passage
    return tuple(found.values())
