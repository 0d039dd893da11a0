"""What stats count, worked out by hand."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from augury.schemas.training import TrainingPassage, TrainingRecord
from augury.trainers.data.open import open_training_data
from augury.trainers.data.stats import spread, stats
from augury.trainers.data.write import write_records


def passage(text: str, score: float | None = None) -> TrainingPassage:
    return TrainingPassage(text=text, score=score)


def test_everything_is_counted(tmp_path: Path) -> None:
    path = tmp_path / "t.jsonl"
    first = TrainingRecord(
        query="one two",
        positives=(passage("a b c", 5.0), passage("d", 3.0)),
        negatives=(passage("e", 4.0), passage("f", -1.0)),
    )
    again = TrainingRecord(query="One  two", positives=(passage("x"),), negatives=(passage("A b c"),))
    bare = TrainingRecord(query="three", positives=(passage("y"),))
    write_records(path, [first, again, bare, bare.model_copy(update={"query_id": "other"})])
    found = stats(open_training_data(path))
    assert (found.read.records, found.queries, found.repeated_queries) == (4, 2, 2)
    assert (found.duplicate_records, found.contradictions, found.doubtful_negatives) == (1, 1, 1)
    assert found.without_negatives == 2
    assert (found.positives.mean, found.positives.max, found.negatives.mean) == (1.25, 2, 0.75)
    assert (found.words["queries"].p50, found.words["positives"].max) == (1, 3)
    assert (found.scores["positives"].min, found.scores["negatives"].max) == (3.0, 4.0)


def test_quantiles() -> None:
    found = spread(Counter({float(number): 1 for number in range(1, 101)}))
    assert (found.count, found.mean, found.p50, found.p95, found.min, found.max) == (
        100,
        50.5,
        50,
        95,
        1,
        100,
    )
    assert spread(Counter()).count == 0
