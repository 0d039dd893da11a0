"""Abbreviations and synonyms of a field, spelled out in the query before it is encoded.

A rule file is TOML. Terms with other signs than ASCII letters, digits, ``-`` and ``_`` stand in quotes::

    [abbreviations]               # match as they are written: BL, not bl
    BL = "boundary layer"
    "U.S." = ["United States", "America"]

    [synonyms]                    # match in any case, and one way: laptop does not lead back to notebook
    notebook = ["laptop", "portable computer"]
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self
from unicodedata import category, normalize

from ...errors import InputError

TABLES = ("abbreviations", "synonyms")
_TABLE_NAMES = "[abbreviations] or [synonyms]"
_PART = re.compile(r"\w+|\s+|[^\w\s]")
_JOINERS = "\u200c\u200d"
"""ZWNJ and ZWJ, which stand inside words of Persian and of Indic scripts."""
_SUFFIXES = ("+", "#")
"""Signs that make another word of the one before them: C++ and C# are not C."""
_APOSTROPHES = ("'", "\N{RIGHT SINGLE QUOTATION MARK}")
_CONTRACTED = frozenset({"d", "ll", "m", "re", "s", "t", "ve"})
"""What stands after an apostrophe and is no word of its own, as in *don't*."""


@dataclass(frozen=True)
class Rules:
    """``Rules.read("rules.toml").expand("BL thickness")`` gives ``"BL (boundary layer) thickness"``.

    They can be given directly, too: ``Rules(synonyms={"notebook": ["laptop", "portable computer"]})``.
    Raises ``InputError`` for an empty term, and for meanings that are no text or list of texts.
    """

    abbreviations: Mapping[str, str | Sequence[str]] = field(default_factory=dict)
    synonyms: Mapping[str, str | Sequence[str]] = field(default_factory=dict)
    _terms: _Terms = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        tables = [_checked(name, getattr(self, name)) for name in TABLES]
        object.__setattr__(self, "_terms", _Terms(*tables))

    @classmethod
    def read(cls, path: str | Path) -> Self:
        """``Rules.read("rules.toml")``. Raises ``InputError`` for a file that cannot be used."""
        content = _parsed(Path(path))
        for name, entries in content.items():
            if not isinstance(entries, dict):
                raise InputError(f"{name!r} in {path} is in no table", f"Put it under {_TABLE_NAMES}")
            if name not in TABLES:
                raise InputError(f"{path} has an unknown table [{name}]", f"Name it {_TABLE_NAMES}")
        try:
            return cls(**content)
        except InputError as error:
            raise InputError(f"{path}: {error.what}", error.fix) from None

    def expand(self, query: str) -> str:
        """``rules.expand("BL")``: the query with the meanings of each term after it, in parentheses.

        Terms match whole words, from left to right, the longest one of each place. A meaning is added
        once, and not at all where the query has it already. What was added is not expanded in turn. A
        query that holds no term comes back unchanged. Scripts written without blanks between words match
        only where a term stands alone.
        """
        text = _Text(query)
        added: set[tuple[str, ...]] = set()
        pieces: list[str] = []
        written = start = 0
        while start < len(text.ends):
            end, meanings = self._terms.longest(text, start)
            new: list[str] = []
            for meaning in meanings:
                phrase = tuple(_Text(meaning).folded)
                if phrase not in added and not text.has(phrase):
                    added.add(phrase)
                    new.append(meaning)
            if new:
                pieces += query[written : text.ends[end - 1]], f" ({', '.join(new)})"
                written = text.ends[end - 1]
            start = end
        return "".join(pieces) + query[written:]


class _Text:
    """The words, signs and blanks of a text: where each ends, and how it compares.

    Accents and vowel signs belong to their word, however they are encoded; any blanks equal any others.
    """

    def __init__(self, text: str) -> None:
        self.ends: list[int] = []
        self.exact: list[str] = []
        self.folded: list[str] = []
        self._places: dict[str, list[int]] = {}
        for part, end in _parts(text):
            written = " " if part.isspace() else normalize("NFC", part)
            self.ends.append(end)
            self.exact.append(written)
            self.folded.append(normalize("NFC", written.casefold()))
            self._places.setdefault(self.folded[-1], []).append(len(self.ends) - 1)

    def has(self, phrase: tuple[str, ...]) -> bool:
        """Whether the phrase is in the text, in any case."""
        places = self._places.get(phrase[0], ())
        return any(tuple(self.folded[at : at + len(phrase)]) == phrase for at in places)

    def whole(self, start: int, end: int) -> bool:
        """Whether what is from ``start`` to ``end`` is no part of a longer word.

        A word may hold single dots (U.S., 3.5) and end in + or #. An apostrophe parts two words, unless
        what comes after it is a contraction.
        """
        before, after = self._at(start - 1), self._at(end)
        if _is_word(before) or _is_word(after) or after in _SUFFIXES:
            return False
        if before == "." and _is_word(self._at(start - 2)):
            return False
        if after == "." and _is_word(self._at(end + 1)):
            return False
        contracted = before in _APOSTROPHES and _is_word(self._at(start - 2))
        return not (contracted and self.folded[start] in _CONTRACTED)

    def _at(self, place: int) -> str:
        return self.exact[place] if 0 <= place < len(self.exact) else ""


class _Terms:
    """Meanings by term. A look-up is one dict access per length that terms have, however many there are."""

    def __init__(
        self, abbreviations: Mapping[str, Sequence[str]], synonyms: Mapping[str, Sequence[str]]
    ) -> None:
        self._exact: dict[tuple[str, ...], list[str]] = {}
        self._folded: dict[tuple[str, ...], list[str]] = {}
        for term, meanings in abbreviations.items():
            self._exact.setdefault(tuple(_Text(term.strip()).exact), []).extend(meanings)
        for term, meanings in synonyms.items():
            self._folded.setdefault(tuple(_Text(term.strip()).folded), []).extend(meanings)
        self._lengths = sorted({len(term) for term in [*self._exact, *self._folded]}, reverse=True)

    def longest(self, text: _Text, start: int) -> tuple[int, list[str]]:
        """Where the longest term at ``start`` ends, and its meanings; without one, the next place."""
        for length in self._lengths:
            end = start + length
            if end <= len(text.ends):
                meanings = [
                    *self._exact.get(tuple(text.exact[start:end]), ()),
                    *self._folded.get(tuple(text.folded[start:end]), ()),
                ]
                if meanings and text.whole(start, end):
                    return end, meanings
        return start + 1, []


def _parts(text: str) -> list[tuple[str, int]]:
    parts: list[tuple[str, int]] = []
    joined = False
    for found in _PART.finditer(text):
        part = found[0]
        inside = part in _JOINERS or category(part[0])[0] == "M"
        if parts and _is_word(parts[-1][0]) and (inside or (joined and _is_word(part))):
            part = parts.pop()[0] + part
            joined = True
        else:
            joined = False
        parts.append((part, found.end()))
    return parts


def _is_word(part: str) -> bool:
    return part[:1].isalnum() or part[:1] == "_"


def _parsed(path: Path) -> dict[str, Any]:
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise InputError(f"There is no rule file {path}", f"Name a TOML file with {_TABLE_NAMES}") from None
    except OSError as error:
        raise InputError(
            f"The rule file {path} cannot be read: {error.strerror}", "Name a readable file"
        ) from error
    try:
        return tomllib.loads(content.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise InputError(f"Line {line} of {path} is not UTF-8", "Save the file as UTF-8") from None
    except tomllib.TOMLDecodeError as error:
        raise InputError(
            f"{path} is not TOML: {error}",
            'Write one rule a line, each term once, as in "C++" = ["C plus plus", "cpp"]',
        ) from None
    except RecursionError:
        raise InputError(
            f"{path} is nested too deeply for rules", 'Write one rule a line, as in BL = "boundary layer"'
        ) from None


def _checked(name: str, table: Mapping[str, Any]) -> dict[str, tuple[str, ...]]:
    """The meanings of each term as a tuple."""
    checked: dict[str, tuple[str, ...]] = {}
    for term, value in table.items():
        if not term.strip():
            raise InputError(f"A rule in [{name}] has an empty term", "Say which term it is for")
        if isinstance(value, Mapping):
            raise InputError(
                f"{term!r} in [{name}] is a table",
                'Put a term that has a dot in quotes, as in "U.S." = "United States"',
            )
        meanings = (value,) if isinstance(value, str) else value
        if (
            not isinstance(meanings, list | tuple)
            or not meanings
            or not all(isinstance(meaning, str) and meaning.strip() for meaning in meanings)
        ):
            raise InputError(
                f"{term!r} in [{name}] means {value!r}",
                'Give a text or a list of texts, none of them empty, as in ["laptop", "portable computer"]',
            )
        checked[term] = tuple(" ".join(meaning.split()) for meaning in meanings)
    return checked
