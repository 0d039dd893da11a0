"""``--where`` clauses."""

from __future__ import annotations

import pytest

from augury import where
from augury.errors import FilterError


def test_a_number_matches_as_number_and_as_text() -> None:
    assert where(["year=2020"]) == {
        "must": [
            {
                "should": [
                    {"key": "metadata.year", "match": {"value": "2020"}},
                    {"key": "metadata.year", "match": {"value": 2020}},
                ]
            }
        ]
    }


def test_own_fields_are_not_looked_for_in_metadata() -> None:
    assert where(["doc_id=a1"]) == {"must": [{"key": "doc_id", "match": {"value": "a1"}}]}


def test_ranges_and_negation() -> None:
    assert where(["year>=2020", "seen<2021-05-01", "lang!=de"]) == {
        "must": [
            {"key": "metadata.year", "range": {"gte": 2020.0}},
            {"key": "metadata.seen", "range": {"lt": "2021-05-01"}},
        ],
        "must_not": [{"key": "metadata.lang", "match": {"value": "de"}}],
    }


def test_quotes_keep_a_number_a_text() -> None:
    assert where(['zip="01234"']) == {"must": [{"key": "metadata.zip", "match": {"value": "01234"}}]}


def test_a_filter_of_ones_own_is_kept() -> None:
    base = {"should": [{"key": "doc_id", "match": {"value": "x"}}]}
    assert where(["a=b"], base) == {"must": [base, {"key": "metadata.a", "match": {"value": "b"}}]}
    assert where([], None) is None


@pytest.mark.parametrize("clause", ["year", "year=", "=2020", "year>=soon", ""])
def test_what_is_no_condition_is_refused_with_the_next_step(clause: str) -> None:
    with pytest.raises(FilterError, match=r"Write it as|Compare with"):
        where([clause])
