"""Abbreviations and synonyms spelled out in a query."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from augury.connector.query.rules import Rules
from augury.errors import InputError

TABLE = """
[abbreviations]
"BL" = "boundary layer"
"M" = ["Mach number"]
"C++" = "cpp"
"U.S." = ["United  States", "America"]
t = "ton"
[synonyms]
notebook = ["laptop", "portable computer"]
"notebook computer" = "ultrabook"
Straße = "road"
café = "bar"
"""
LETTERS = st.text("abcAB", min_size=1, max_size=3)
PHRASES = st.lists(LETTERS, min_size=1, max_size=3).map(" ".join)
MEANINGS = st.lists(st.text("xyzXY", min_size=1, max_size=4), min_size=1, max_size=3)
RULES = st.builds(
    Rules,
    st.dictionaries(PHRASES, MEANINGS, max_size=6),
    st.dictionaries(PHRASES, MEANINGS, max_size=6),
)
WORD_SIGNS = st.characters(categories=["L", "N"])
MARKS = st.characters(categories=["M"])
QUERIES = st.lists(LETTERS | st.sampled_from(["-", ".", "++", "x", "'s", " "])).map(" ".join)


@pytest.fixture
def rules(tmp_path: Path) -> Rules:
    return Rules.read(written(tmp_path, TABLE.replace("Straße", '"Straße"').replace("café", '"café"')))


def written(folder: Path, content: str | bytes) -> Path:
    path = folder / "rules.toml"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


@pytest.mark.parametrize(
    ("query", "expanded"),
    [
        (
            "BL thickness on a notebook",
            "BL (boundary layer) thickness on a notebook (laptop, portable computer)",
        ),
        ("nothing to add", "nothing to add"),
        ("", ""),
        (" \n", " \n"),
        ("bl and m", "bl and m"),
        ("NoteBook", "NoteBook (laptop, portable computer)"),
        ("STRASSE", "STRASSE (road)"),
        ("cafe\u0301!", "cafe\u0301 (bar)!"),
        ("a notebook \n computer", "a notebook \n computer (ultrabook)"),
        ("notebook-sized notebooks", "notebook (laptop, portable computer)-sized notebooks"),
        ("C++ in the U.S.", "C++ (cpp) in the U.S. (United States, America)"),
        ("(BL), the BL's BL", "(BL (boundary layer)), the BL's BL"),
        ("BL on a Boundary\tLayer", "BL on a Boundary\tLayer"),
        ("notebook or laptop", "notebook (portable computer) or laptop"),
        ("l'U.S. d\u2019BL", "l'U.S. (United States, America) d\u2019BL (boundary layer)"),
    ],
)
def test_examples(rules: Rules, query: str, expanded: str) -> None:
    assert rules.expand(query) == expanded


@pytest.mark.parametrize(
    "query",
    [
        *("BLT", "2M", "M_2", "M\u0301", "M\u200cM", "C++11", "xC++", "C+++", "M#"),
        *("U.S.A", "M.S.", "3.M", "I don't", "don\u2019t"),
    ],
)
def test_a_part_of_a_word_is_no_term(rules: Rules, query: str) -> None:
    assert rules.expand(query) == query


def test_abbreviation_and_synonym_of_the_same_words_are_both_told() -> None:
    rules = Rules({"BL": "boundary layer"}, {"bl": ["British Library", "Boundary Layer"]})
    assert rules.expand("BL") == "BL (boundary layer, British Library)"
    assert rules.expand("bl") == "bl (British Library, Boundary Layer)"


def test_synonyms_lead_one_way_and_one_step() -> None:
    rules = Rules(synonyms={"notebook": "laptop", "laptop": "machine"})
    assert rules.expand("notebook") == "notebook (laptop)"
    assert rules.expand("laptop") == "laptop (machine)"


def test_two_terms_of_one_meaning_add_it_once() -> None:
    rules = Rules({"BL": "boundary layer", "B.L.": ["Boundary layer", "border"]})
    assert rules.expand("BL or B.L.") == "BL (boundary layer) or B.L. (border)"


def test_the_leftmost_of_overlapping_terms_counts() -> None:
    rules = Rules(synonyms={"a b": "first", "b c d": "second", "c d": "third"})
    assert rules.expand("a b c d") == "a b (first) c d (third)"


@given(RULES, QUERIES)
def test_nothing_of_the_query_is_lost(rules: Rules, query: str) -> None:
    expanded = rules.expand(query)
    assert re.sub(r" \([xyzXY, ]+\)", "", expanded) == query


@given(QUERIES)
def test_without_rules_nothing_changes(query: str) -> None:
    assert Rules().expand(query) == query


@given(RULES, QUERIES)
def test_what_was_expanded_has_nothing_to_add(rules: Rules, query: str) -> None:
    """Where no meaning holds a term and each is one word: added words may part a phrase of the query."""
    expanded = rules.expand(query)
    assert rules.expand(expanded) == expanded


@given(LETTERS, st.text(WORD_SIGNS, max_size=2), st.text(WORD_SIGNS | MARKS, max_size=2))
@example("a", "", "\u0301")
@example("a", "\u0915\u093e", "")
def test_no_term_matches_inside_a_word(term: str, before: str, after: str) -> None:
    assume(before or after)
    query = f"{before}{term}{after}"
    assert Rules({term: "xyz"}, {term: "zyx"}).expand(query) == query


@given(st.text())
def test_any_query_and_any_table_can_be_used(text: str) -> None:
    words = [word for word in text.split() if word.strip()]
    rules = Rules(synonyms={word: "meaning of all" for word in words})
    assert rules.expand(text).replace(" (meaning of all)", "") == text


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("[abbreviations]\nBL = 'x'\nC++ = 'y'\n", r"is not TOML: .*line 3.*each term once"),
        ("[synonyms]\na = 'x'\na = 'y'\n", r"is not TOML: .*line 3.*each term once"),
        ("[synonyms]\na = 'x'\nb = '\xe4'".encode("latin-1"), r"Line 3 of .* is not UTF-8\. Save"),
        ("[synonym]\na = 'x'", r"unknown table \[synonym\]\. Name it \[abbreviations\] or \[synonyms\]"),
        ("a = 'x'", r"'a' in .* is in no table\. Put it under"),
        ("synonyms = 'x'", r"'synonyms' in .* is in no table\. Put it under"),
        ("[synonyms]\nU.S = 'x'", r"'U' in \[synonyms\] is a table\. Put a term that has a dot in quotes"),
        ("[synonyms]\na = 3", r"rules.toml: 'a' in \[synonyms\] means 3\. Give a text or a list"),
        ("[synonyms]\na = ['x', 3]", r"means \['x', 3\]\. Give a text or a list"),
        ("[synonyms]\na = []", r"means \[\]\. Give a text or a list"),
        ("[synonyms]\na = ['x', ' ']", r"means \['x', ' '\]\. Give a text or a list"),
        ("[abbreviations]\na = ''", r"'a' in \[abbreviations\] means ''\. Give a text"),
        ("[abbreviations]\n' ' = 'x'", r"A rule in \[abbreviations\] has an empty term\. Say which"),
        ("[synonyms]\na = " + "[" * 5000, "nested too deeply"),
    ],
)
def test_a_file_that_is_no_rule_file_says_why(tmp_path: Path, content: str | bytes, message: str) -> None:
    with pytest.raises(InputError, match=message) as caught:
        Rules.read(written(tmp_path, content))
    assert "rules.toml" in str(caught.value)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"There is no rule file .*\. Name a TOML file"):
        Rules.read(tmp_path / "none.toml")
    with pytest.raises(InputError, match=r"cannot be read: Is a directory\. Name"):
        Rules.read(tmp_path)


@pytest.mark.parametrize("content", ["", "# nothing yet", "[synonyms]\n", "\ufeff[abbreviations]\nBL='x'\n"])
def test_a_small_file_is_fine(tmp_path: Path, content: str) -> None:
    rules = Rules.read(written(tmp_path, content))
    assert rules.expand("BL") == ("BL (x)" if "BL" in content else "BL")


@pytest.mark.parametrize("table", [{"a": ""}, {"": "b"}, {"a": []}, {"a": {"b": "c"}}])
def test_rules_given_directly_are_checked_too(table: Any) -> None:
    with pytest.raises(InputError):
        Rules(table)
