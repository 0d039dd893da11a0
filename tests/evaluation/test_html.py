"""The HTML report: it needs nothing, runs nothing, and shows text as text."""

from __future__ import annotations

import base64
import re
import sys
import xml.etree.ElementTree as ET
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest

import augury
from augury.errors import MissingDependency
from augury.evaluation.ablate import ablate
from augury.evaluation.dataset import Dataset
from augury.evaluation.evaluate import evaluate
from augury.evaluation.html import report, write_report
from augury.evaluation.plots import Point, latency_figure, svg
from augury.schemas.evaluation import Mean

EVIL = "<script>alert(1)</script> & $x_1$ \"'"


class Page(HTMLParser):
    """Tags, attributes and text of a page, and whether its tags are closed in order."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str]] = []
        self.text = ""
        self._open: list[str] = []
        self.feed(page)
        assert not self._open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(name, value or "") for name, value in attrs]
        if tag not in ("meta", "img", "br"):
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


def checked(page: str) -> Page:
    """A page that loads nothing and runs nothing."""
    found = Page(page)
    assert not {"script", "link", "iframe", "object", "form"} & set(found.tags)
    for name, value in found.attributes:
        assert not name.startswith("on")
        assert name not in ("src", "href") or value.startswith("data:image/svg+xml;base64,")
    assert "url(" not in page and "@import" not in page
    for data in re.findall(r"base64,([A-Za-z0-9+/=]+)", page):
        drawn = base64.b64decode(data).decode()
        ET.fromstring(drawn)
        assert not re.search(r'(href|src)="(?!#)', drawn)
    return found


def test_an_evaluation_as_a_page(index: augury.Index, dataset: Dataset, tmp_path: Path) -> None:
    index.ingest([augury.Document(id="evil", title=EVIL, text="delta delta")])
    queries = {**dataset.queries, "q3": f"omega {EVIL}", "q4": ""}
    named = replace(dataset, name=EVIL, queries=queries, qrels={**dataset.qrels, "q4": {"d1": 1}})
    found = evaluate(index, named, measures=["nDCG@10", "R@100"])
    write_report(tmp_path / "r.html", found)
    text = (tmp_path / "r.html").read_text(encoding="utf-8")
    page = checked(text)
    assert page.tags.count("img") == 2 and "<script" not in text
    assert page.text.count(EVIL) >= 4  # heading, title, query, hit
    for part in (
        "Failed queries, which count as 0: 1 of 4",
        "The query is empty",
        "4 of 4 queries, the worst first",
        "exact-sparse",
    ):
        assert part in page.text
    assert f"{found.measures['nDCG@10'].mean:.3f}" in page.text
    assert report(found) == text


def test_an_ablation_as_a_page(dataset: Dataset, index: augury.Index) -> None:
    found = ablate(index, dataset, ["nDCG@10", "RR@10"])
    page = checked(report(found))
    assert page.tags.count("img") == 3
    for part in (
        "nDCG@10 by query, against dense",
        "nDCG@10 against latency",
        "Recall",
        "scenarios was not run",
    ):
        assert part in page.text
    assert "(p 1.000)" in page.text


def test_figures_of_extreme_numbers_can_be_drawn() -> None:
    points = [Point("a", Mean(mean=0, low=0, high=0), 0.0), Point("b", Mean(mean=1, low=1, high=1), 900.0)]
    for some in (points, points[:1], [replace(points[0], p50_ms=1.0), points[1]]):
        ET.fromstring(svg(latency_figure(some, "nDCG@10")))


def test_without_matplotlib_it_says_what_to_install(
    index: augury.Index, dataset: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = evaluate(index, dataset)
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(MissingDependency, match=r"pip install 'augury\[report\]'"):
        report(found)
