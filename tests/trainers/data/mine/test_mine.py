"""Hard negatives from searches and from citations: what is taken, what is not, and that the counts add up."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

import augury
from augury.connector.query.planner import SearchOptions
from augury.errors import AuguryError, QueryError, SourceError, StoreUnavailable, UsageError
from augury.evaluation.dataset import Dataset
from augury.schemas.data_report import MiningReport
from augury.schemas.training import TrainingPassage, TrainingRecord
from augury.trainers.data.mine.asked import Asked, asked_of_dataset, asked_of_records
from augury.trainers.data.mine.candidate import Finder, Found
from augury.trainers.data.mine.citations import CitationFinder, read_citations
from augury.trainers.data.mine.mine import Miner
from augury.trainers.data.mine.mined_file import MinedFile
from augury.trainers.data.mine.options import MiningOptions
from augury.trainers.data.mine.search import SearchFinder
from augury.trainers.data.mine.teacher import CrossEncoderTeacher, DenseTeacher
from augury.trainers.data.open import open_training_data
from tests.exact import ExactCrossEncoder, ExactDense
from tests.trainers.data.mine.conftest import TEXTS

QUERY = "alpha beta gamma delta"


def record(
    query: str = QUERY, *positives: str, negatives: Sequence[str] = (), name: str = ""
) -> TrainingRecord:
    return TrainingRecord(
        query=query,
        query_id=name,
        positives=tuple(TrainingPassage(text=TEXTS[doc], doc_id=doc) for doc in positives or ("d1",)),
        negatives=tuple(TrainingPassage(text=text) for text in negatives),
    )


def search(index: augury.Index, first: int = 1, last: int = 10) -> SearchFinder:
    return SearchFinder(index, SearchOptions(branches=("sparse",)), first=first, last=last)


def mined(
    path: Path, finder: Finder, asked: list[Asked], teacher: Any = None, **options: Any
) -> tuple[list[TrainingRecord], MiningReport]:
    by_id = any(each.judged for each in asked)
    with MinedFile(path, {"options": options}, by_id=by_id) as file:
        report = Miner(finder, MiningOptions(**options), teacher).run(lambda: asked, file)
    assert report.candidates == report.negatives + report.left + sum(report.dropped.values())
    assert report.queries == report.mined + report.unchanged + report.failed
    records = list(open_training_data(path, "own")) if path.stat().st_size else []
    return records, report


def negatives(record: TrainingRecord) -> list[str]:
    return [each.doc_id for each in record.negatives]


def test_the_best_ranked_that_is_no_positive_and_not_almost_one(index: augury.Index, tmp_path: Path) -> None:
    asked = list(asked_of_records([record()]))
    ((one,), report) = mined(tmp_path / "m.jsonl", search(index), asked)
    assert negatives(one) == ["d2", "d3", "d4"] and one.positives == record().positives
    assert report.dropped == {"a positive": 1, "like a positive": 1}


def test_ranks_number_and_draw(index: augury.Index, tmp_path: Path) -> None:
    asked = list(asked_of_records([record()]))
    ((one,), _) = mined(tmp_path / "a", search(index, first=3, last=4), asked)
    assert set(negatives(one)) <= {"d6", "d2", "d3"} and "d4" not in negatives(one)
    ((one,), report) = mined(tmp_path / "b", search(index), asked, negatives=2)
    assert negatives(one) == ["d2", "d3"] and report.left == 1
    draws = {
        tuple(
            negatives(
                mined(tmp_path / f"c{seed}", search(index), asked, negatives=1, pick="random", seed=seed)[0][
                    0
                ]
            )
        )
        for seed in range(12)
    }
    assert len(draws) > 1


def test_first_stage_scores_within_the_margin_or_ratio_are_dropped(
    index: augury.Index, tmp_path: Path
) -> None:
    asked = list(asked_of_records([record()]))  # scores: d1 4, d2 3, d3 2, d4 1
    for options, left in (({"margin": 2.0}, ["d4"]), ({"ratio": 0.75}, ["d3", "d4"]), ({"margin": 9.0}, [])):
        ((one,), report) = mined(tmp_path / str(options), search(index), asked, **options)
        assert negatives(one) == left
        assert report.dropped["as good as a positive"] == 3 - len(left)
    assert report.without_negatives == 1
    far = list(asked_of_records([record("alpha", "d5")]))
    ((one,), report) = mined(tmp_path / "far", search(index), far, margin=0.5)
    assert one.negatives == ()  # the positive was not found, so everything is above it
    with pytest.raises(ValidationError, match="choose one"):
        MiningOptions(margin=1, ratio=0.5)


def test_a_cross_encoder_judges_and_its_scores_are_written(index: augury.Index, tmp_path: Path) -> None:
    asked = list(asked_of_records([record(negatives=["theta alpha"])]))
    teacher = CrossEncoderTeacher(ExactCrossEncoder())
    ((one,), report) = mined(tmp_path / "m", search(index), asked, teacher, margin=1.5)
    assert one.positives[0].score == 4.0
    assert [(each.text, each.score) for each in one.negatives] == [
        ("theta alpha", 1.0),
        (TEXTS["d3"], 2.0),
        (TEXTS["d4"], 1.0),
    ]
    assert report.dropped["as good as a positive"] == 1  # d2


def test_dense_scores_come_from_the_index_or_are_encoded(index: augury.Index, tmp_path: Path) -> None:
    outside = TrainingRecord(query=QUERY, positives=(TrainingPassage(text="theta omega"),))
    asked = list(asked_of_records([outside]))
    ((one,), _) = mined(tmp_path / "m", search(index), asked, DenseTeacher(index), margin=0.0)
    vectors = ExactDense().encode_documents([QUERY, "theta omega", *(each.text for each in one.negatives)])
    expected = [float(vectors[0] @ vector) for vector in vectors[1:]]
    scores = [one.positives[0].score, *(each.score for each in one.negatives)]
    assert np.allclose(np.array(scores, float), expected)
    assert all(score < expected[0] for score in expected[1:])


def test_a_passage_that_answers_the_query_in_another_record_is_no_negative(
    index: augury.Index, tmp_path: Path
) -> None:
    asked = list(asked_of_records([record(QUERY, "d1"), record(QUERY.upper(), "d2"), record(QUERY, "d3")]))
    records, _ = mined(tmp_path / "m", search(index), asked)
    assert len(records) == 3
    for one in records:
        assert not {"d1", "d2", "d3"} & set(negatives(one))


def test_judgements_get_their_passages_from_the_index(index: augury.Index, tmp_path: Path) -> None:
    dataset = Dataset(
        "mine",
        {"q1": "alpha beta", "d4": "alpha", "q3": "omega", "q4": "eta"},
        {"q1": {"d3": 1, "gone": 2}, "d4": {"d1": 1}, "q3": {"gone": 1}, "q4": {"d1": 0}},
        exclude_self=True,
    )
    asked = list(asked_of_dataset(dataset))
    assert [each.query_id for each in asked] == ["q1", "d4", "q3"]
    records, report = mined(tmp_path / "m", search(index), asked)
    assert [each.query_id for each in records] == ["q1", "d4"]
    assert records[0].positives == (TrainingPassage(text=TEXTS["d3"], doc_id="d3"),)
    assert "d4" not in negatives(records[1]) and report.dropped["excluded"] == 1
    assert report.failed == 1 and "none of its positives" in report.failures[0].reason
    assert "1 documents are not in the index, such as gone." in report.notes


def test_citations_leave_out_every_positive_and_what_the_source_cites(
    index: augury.Index, tmp_path: Path
) -> None:
    graph = tmp_path / "graph.jsonl"
    graph.write_text(
        '{"id": "source", "cites": ["d1", "d2", "d4"]}\n'
        '{"id": "d1", "cites": ["d2", "d3", "source", "d4"]}\n'
        '{"id": "d1", "cites": ["lost"]}\n'
        '{"id": "d2", "cites": ["d5", "d1"]}\n',
        encoding="utf-8",
    )
    finder = CitationFinder(index, read_citations(graph))
    asked = list(asked_of_records([record(QUERY, "d1", "d2", name="source")]))
    ((one,), report) = mined(tmp_path / "m", finder, asked)
    assert set(negatives(one)) == {"d3", "d5"}  # of both positives; d4 is cited by the source too
    assert "1 documents are not in the index, such as lost." in report.notes
    graph.write_text('{"id": "d1"}\n')
    with pytest.raises(SourceError, match=r"graph\.jsonl:1 is no paper"):
        read_citations(graph)


class Failing:
    """Finds nothing for some queries, and after a while not at all."""

    def __init__(self, finder: Finder, after: int) -> None:
        self._finder, self._after = finder, after

    def find(self, asked: Sequence[Asked]) -> list[Found | AuguryError]:
        self._after -= 1
        if self._after < 0:
            raise StoreUnavailable("The server does not answer", "Start it")
        found = self._finder.find(asked)
        return [
            QueryError("It is no query", "Mend it") if each.query_id == "q7" else result
            for each, result in zip(asked, found, strict=True)
        ]


def test_a_run_that_ended_is_gone_on_with(index: augury.Index, tmp_path: Path) -> None:
    asked = list(asked_of_records([record(f"alpha beta {n}", "d1", name=f"q{n}") for n in range(150)]))
    path = tmp_path / "m"
    with pytest.raises(StoreUnavailable):
        mined(path, Failing(search(index), after=2), asked)
    whole = path.read_bytes()
    assert whole.count(b"\n") == 127
    path.write_bytes(whole[:-20])  # a kill in the middle of a line
    records, report = mined(path, search(index), asked)
    assert (report.unchanged, report.mined) == (126, 24)
    assert sorted(each.query_id for each in records) == sorted(f"q{n}" for n in range(150))
    assert path.read_bytes().startswith(whole[: whole[:-20].rfind(b"\n") + 1])
    undisturbed, _ = mined(tmp_path / "other", search(index), asked)
    assert {each.query_id: each for each in records} == {each.query_id: each for each in undisturbed}


def test_runs_with_other_settings_do_not_mix(index: augury.Index, tmp_path: Path) -> None:
    asked = list(asked_of_records([record()]))
    mined(tmp_path / "m", search(index), asked, negatives=2)
    with pytest.raises(UsageError, match="mined with another options"):
        mined(tmp_path / "m", search(index), asked, negatives=3)
    (tmp_path / "n").write_text("mine\n")
    with pytest.raises(UsageError, match="not mined here"):
        mined(tmp_path / "n", search(index), asked)


def test_one_query_that_cannot_be_searched_costs_no_other(index: augury.Index, tmp_path: Path) -> None:
    asked = list(asked_of_records([record("alpha " * 3000, "d1", name="long"), record(name="good")]))
    records, report = mined(tmp_path / "m", search(index), asked)
    assert [each.query_id for each in records] == ["good"]
    assert report.failed == 1 and report.failures[0].reason.startswith("long: The query has 3,000 words")
