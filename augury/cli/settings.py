"""What the next searches of a prompt will do, and how ``:set`` changes it."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

from ..errors import UsageError
from ..schemas.qnet_search import QNET_WAYS, SETTINGS, QNetWay
from .terminal import sentences

if TYPE_CHECKING:
    from ..connector.query.planner import SearchOptions
    from ..schemas.payload_layout import PayloadLayout

DEFAULT = "default"
"""The value that puts an option back to the index's own."""
INDEX_OWN = "the index's own"
_BRANCHES = ("scenarios", "dense", "sparse")
_MOST_HITS = 10_000


@dataclass
class Settings:
    """``Settings(limit=5).options()`` gives the ``SearchOptions`` of the next search.

    What is None follows the index's profile. ``rerank`` is how many candidates are scored again, 0 for none.
    ``clauses`` are conditions as ``--where`` takes them and hold together with ``base_filter``.
    """

    limit: int = 10
    branches: tuple[str, ...] | None = None
    fusion: str | None = None
    weights: dict[str, float] | None = None
    alpha: float | None = None
    pool: str | None = None
    expand: str | None = None
    candidates: int | None = None
    rerank: int | None = None
    reranker: str | None = None
    rerank_weight: float | None = None
    diversity: float | None = None
    tenant: str | None = None
    exact: bool | None = None
    by_qnet: str | None = None
    group: bool = True
    clauses: tuple[str, ...] = ()
    base_filter: dict[str, Any] | None = None
    explain: bool = False
    layout: PayloadLayout | None = None

    def set(self, name: str, value: str) -> None:
        """``set("rerank", "100")``: read one option from text; ``default`` puts it back to the index's own.

        Raises ``UsageError`` for an unknown name or value, with what is possible.
        """
        name, option = _option(name)
        text = value.strip().lower()
        try:
            read = (
                _DEFAULTS[option.field]
                if text == DEFAULT
                else option.read(value.strip() if option.as_typed else text)
            )
        except ValueError:
            raise UsageError(
                f"{name} cannot be {value.strip()!r}" if text else f"No value was given for {name}",
                f"It takes {self.possible(name)}",
            ) from None
        setattr(self, option.field, read)

    def where(self, clause: str) -> None:
        """``where("year>=2020")``: one more condition. Raises ``FilterError`` if it is none."""
        from ..connector.query.where import where

        where([clause])
        self.clauses = (*self.clauses, clause.strip())

    def forget_where(self) -> None:
        """Drop every condition; ``base_filter`` stays."""
        self.clauses = ()

    def options(self) -> SearchOptions:
        """For ``Retriever.search``. Raises ``UsageError`` where the settings contradict each other."""
        from pydantic import ValidationError

        from ..connector.query.planner import SearchOptions
        from ..connector.query.where import where

        given = {name: value for name in _SEARCHED if (value := getattr(self, name)) is not None}
        try:
            return SearchOptions(filter=where(self.clauses, self.base_filter, layout=self.layout), **given)
        except ValidationError as error:
            raise UsageError("; ".join(sentences(error)), "Change one of them") from error

    def copy(self) -> Settings:
        """To go back to with ``take``."""
        return replace(self)

    def take(self, other: Settings) -> None:
        """Become equal to another."""
        for field in fields(self):
            setattr(self, field.name, getattr(other, field.name))

    def shown(self) -> dict[str, str]:
        """Each option's value as text that ``set`` reads, or ``the index's own``."""
        return {name: self._text(name) for name in _OPTIONS}

    def changed(self) -> dict[str, str]:
        """What differs from the index's own, conditions included, as text."""
        found = {
            name: self._text(name)
            for name, option in _OPTIONS.items()
            if getattr(self, option.field) != _DEFAULTS[option.field]
        }
        if self.base_filter:
            found["filter"] = "given"
        if self.clauses:
            found["where"] = " and ".join(self.clauses)
        return found

    def names(self) -> tuple[str, ...]:
        """The options that ``set`` knows."""
        return tuple(_OPTIONS)

    def values(self, name: str) -> tuple[str, ...]:
        """The words that an option's value is made of, for completion; none for an unknown option."""
        option = _OPTIONS.get(_spelled(name))
        return (*option.words, DEFAULT) if option else ()

    def possible(self, name: str) -> str:
        """What an option can be, in words. Raises ``UsageError`` for an unknown one."""
        return f"{_option(name)[1].possible}, or {DEFAULT}"

    def _text(self, name: str) -> str:
        option = _OPTIONS[name]
        value = getattr(self, option.field)
        return INDEX_OWN if value is None else option.text(value)


@dataclass(frozen=True)
class _Option:
    """One name of ``:set``: ``read`` takes lower-case text (or what was typed) and raises ``ValueError``,
    ``text`` writes it."""

    field: str
    read: Callable[[str], Any]
    possible: str
    words: tuple[str, ...] = ()
    text: Callable[[Any], str] = str
    as_typed: bool = False


def _whole(field: str, least: int, *, off: bool = False) -> _Option:
    def read(text: str) -> int:
        number = 0 if off and text == "off" else int(text)
        if not least <= number <= _MOST_HITS:
            raise ValueError
        return number

    possible = f"a whole number from {least} to {_MOST_HITS}"
    if not off:
        return _Option(field, read, possible)
    return _Option(field, read, f"{possible}, off", ("off",), lambda number: str(number or "off"))


def _share(field: str) -> _Option:
    def read(text: str) -> float:
        number = float(text)
        if not 0 <= number <= 1:
            raise ValueError
        return number

    return _Option(field, read, "a number from 0 to 1", text=repr)


def _choice(field: str, *names: str) -> _Option:
    def read(text: str) -> str:
        if text not in names:
            raise ValueError
        return text

    return _Option(field, read, ", ".join(names), names)


def _switch(field: str, *, on: bool = True) -> _Option:
    """``on`` is what the field is when the option is on."""

    def read(text: str) -> bool:
        if text not in ("on", "off"):
            raise ValueError
        return (text == "on") == on

    return _Option(field, read, "on, off", ("on", "off"), lambda value: "on" if value == on else "off")


def _name(text: str) -> str:
    if not text:
        raise ValueError
    return text


def _branches(text: str) -> tuple[str, ...]:
    names = tuple(dict.fromkeys(name.strip() for name in text.split(",") if name.strip()))
    if not names or not set(names) <= set(_BRANCHES):
        raise ValueError
    return names


def _weights(text: str) -> dict[str, float]:
    found: dict[str, float] = {}
    for part in text.split(","):
        name, _, number = (piece.strip() for piece in part.partition("="))
        weight = float(number)
        if name not in _BRANCHES or name in found or not 0 <= weight < math.inf:
            raise ValueError
        found[name] = weight
    if not any(found.values()):
        raise ValueError
    return found


def _qnet(text: str) -> str:
    return QNetWay.read(text).text


_OPTIONS = {
    "limit": _whole("limit", 1),
    "branches": _Option(
        "branches", _branches, f"any of {', '.join(_BRANCHES)} with commas between", _BRANCHES, ",".join
    ),
    "fusion": _choice("fusion", "rrf", "dbsf", "weighted"),
    "weights": _Option(
        "weights",
        _weights,
        f"weights that are not all 0, such as scenarios=0.7,sparse=0.3, of any of {', '.join(_BRANCHES)}",
        tuple(f"{name}=" for name in _BRANCHES),
        lambda weights: ",".join(f"{name}={weight!r}" for name, weight in weights.items()),
    ),
    "alpha": _share("alpha"),
    "pool": _choice("pool", "max", "soft"),
    "expand": _choice("expand", "off", "rules", "llm", "auto"),
    "candidates": _whole("candidates", 1),
    "rerank": _whole("rerank", 0, off=True),
    "reranker": _choice("reranker", "hypencoder", "cross-encoder"),
    "rerank-weight": _share("rerank_weight"),
    "diversity": _share("diversity"),
    "tenant": _Option("tenant", _name, "the name of a tenant", as_typed=True),
    "exact": _switch("exact"),
    "by-qnet": _Option("by_qnet", _qnet, QNET_WAYS, tuple(SETTINGS)),
    "passages": _switch("group", on=False),
    "explain": _switch("explain"),
}
_DEFAULTS = {field.name: field.default for field in fields(Settings)}
_SEARCHED = tuple(option.field for name, option in _OPTIONS.items() if name != "explain")


def _spelled(name: str) -> str:
    return name.strip().lower().replace("_", "-")


def _option(name: str) -> tuple[str, _Option]:
    found = _OPTIONS.get(_spelled(name))
    if found:
        return _spelled(name), found
    near = get_close_matches(_spelled(name), _OPTIONS, n=1)
    raise UsageError(
        f"There is no option {name.strip()!r}",
        f"{f'The nearest is {near[0]}; there' if near else 'There'} are {', '.join(_OPTIONS)}",
    )
