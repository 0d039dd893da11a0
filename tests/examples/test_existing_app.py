"""The example app before and after Augury: few lines changed, and a question that it could not answer."""

from __future__ import annotations

import difflib
import importlib
from pathlib import Path
from typing import Any

import pytest

EXAMPLE = Path(__file__).parents[2] / "examples/existing_app"
STINK = "a nasty stink comes up from the shower in the spare room that nobody uses"


def answers(name: str, question: str) -> list[dict[str, Any]]:
    """What the app says; it is imported, and so set up, as a server would."""
    pytest.importorskip("fastapi", reason="needs: pip install 'augury[examples]'")
    from fastapi.testclient import TestClient

    app = importlib.import_module(f"examples.existing_app.{name}").app
    response = TestClient(app).get("/search", params={"q": question})
    assert response.status_code == 200
    found: list[dict[str, Any]] = response.json()
    return found


def test_few_lines_changed() -> None:
    before, after = (
        (EXAMPLE / f"{name}.py").read_text(encoding="utf-8").splitlines() for name in ("before", "after")
    )
    lines = list(difflib.unified_diff(before, after, n=0, lineterm=""))[2:]
    assert len([line for line in lines if line[0] == "+"]) <= 10
    assert len([line for line in lines if line[0] == "-"]) <= 5


def test_before_it_runs_and_misses_the_article() -> None:
    found = answers("before", STINK)
    assert len(found) == 3 and "household-02" not in [article["slug"] for article in found]


def test_after_it_finds_the_article_and_says_why() -> None:
    best, *others = answers("after", STINK)
    assert best["slug"] == "household-02" and best["title"] == "Trap seals and how they are lost"
    assert best["why"]["similarity"] > 0.3 and "smell" in best["why"]["need"]
    assert len(others) == 2
