from __future__ import annotations

from pathlib import Path

import pytest

from augury.errors import SourceError, TrainingDataError, UsageError
from augury.schemas.training import TrainingPassage, TrainingRecord
from augury.trainers.batches import NoFalseNegatives
from augury.trainers.config import dense_config, quantize_config
from augury.trainers.prepared import prepare
from augury.trainers.records import open_records
from augury.trainers.rows import Row, make_rows, query_key
from tests.trainers.conftest import subject_records, write_records


def record(query: str, positives: str, negatives: str = "") -> TrainingRecord:
    return TrainingRecord(
        query=query,
        positives=tuple(TrainingPassage(text=text) for text in positives.split()),
        negatives=tuple(TrainingPassage(text=text) for text in negatives.split()),
    )


def test_each_positive_is_a_row_with_as_many_negatives_as_asked_for() -> None:
    rows, notes = make_rows([record("one", "a b", "c d e"), record("two", "f", "g")], negatives=2)
    assert [(row.query, row.positive) for row in rows] == [("one", "a"), ("one", "b"), ("two", "f")]
    assert all(len(set(row.negatives)) == 2 and row.positive not in row.negatives for row in rows)
    assert rows[2].negatives[0] == "g"  # its own first, then random documents of other queries
    assert rows[2].negatives[1] in {"a", "b", "c", "d", "e"}
    assert notes == []


def test_a_positive_that_is_also_a_negative_is_no_negative_and_is_told() -> None:
    rows, notes = make_rows(
        [record("one", "a", "a b"), record("ONE ", "c", "a"), record("two", "d")], negatives=1
    )
    assert all(row.positives.isdisjoint(row.negatives) for row in rows)
    assert rows[0].positives == {"a", "c"}
    assert notes == [
        "A positive was also a negative, and is no negative here: 2 records, such as that of 'one'."
    ]


def test_too_little_data_is_refused_in_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="has only one query"):
        make_rows([record("one", "a"), record("One", "b")], negatives=0)
    empty = tmp_path / "empty.jsonl"
    empty.write_text("")
    with pytest.raises(SourceError, match="holds no training data"):
        prepare(dense_config({"data": str(empty), "to": "m"}))
    one = write_records(tmp_path / "one.jsonl", subject_records(count=1))
    with pytest.raises(UsageError, match="1 queries that differ, too few to hold any out"):
        prepare(dense_config({"data": str(one), "to": "m"}))


def test_a_text_that_no_model_reads_to_its_end_is_told(tmp_path: Path) -> None:
    records = [record("a query", "x" * 100_000), *subject_records()]
    prepared = prepare(
        dense_config({"data": str(write_records(tmp_path / "long.jsonl", records)), "to": "m"})
    )
    (note,) = (note for note in prepared.notes if "characters" in note)
    assert note.endswith("reads the beginning: 1, the longest of 100,000.")


def test_a_wrong_line_is_told_with_its_place(tmp_path: Path) -> None:
    file = tmp_path / "records.jsonl"
    file.write_text('{"query": "q", "positives": [{"text": "a"}]}\n{"query": "q", "positives": []}\n')
    with pytest.raises(TrainingDataError, match=r"records.jsonl:2 cannot be used .*positives"):
        list(open_records(str(file)))


def test_a_teachers_loss_needs_scores() -> None:
    with pytest.raises(UsageError, match="no teacher's score"):
        make_rows([record("one", "a", "b"), record("two", "c", "d")], negatives=1, teacher=True)
    rows, _ = make_rows(subject_records(scores=True), negatives=2, teacher=True)
    assert all(row.scores == (1.0, 0.0, 0.0) for row in rows)


def test_held_out_queries_are_not_trained_on(tmp_path: Path) -> None:
    file = write_records(tmp_path / "records.jsonl", subject_records())
    prepared = prepare(dense_config({"data": str(file), "to": "m", "dev_share": 0.2}))
    held = {query_key(text) for text in prepared.dev.dataset.queries.values()}
    assert len(held) == 32
    assert held.isdisjoint(query_key(row.query) for row in prepared.rows)


def test_a_dev_query_among_the_records_is_left_out_of_training(tmp_path: Path, dev_folder: Path) -> None:
    records = [*subject_records(), record("W0  w89", "w30")]
    file = write_records(tmp_path / "records.jsonl", records)
    prepared = prepare(dense_config({"data": str(file), "to": "m", "dev": f"{dev_folder}:dev"}))
    assert "w0 w89" not in {query_key(row.query) for row in prepared.rows}
    assert "Records left out of training, as their query is evaluated: 1." in prepared.notes


def test_every_query_may_be_evaluated_where_nothing_is_learned(dev_folder: Path) -> None:
    config = quantize_config({"data": f"{dev_folder}:dev", "to": "m", "dev": f"{dev_folder}:dev"})
    assert prepare(config, trains=False).rows == []
    with pytest.raises(SourceError, match="no query"):
        prepare(config)


def test_a_capped_corpus_keeps_every_relevant_document(tmp_path: Path, dev_folder: Path) -> None:
    file = write_records(tmp_path / "records.jsonl", subject_records())
    options = {"data": str(file), "to": "m", "dev": str(dev_folder), "dev_queries": 4, "dev_documents": 10}
    prepared = prepare(dense_config(options))
    kept = {document.id for document in prepared.dev.corpus}
    assert len(kept) == 10
    assert {document for judged in prepared.dev.dataset.qrels.values() for document in judged} <= kept
    assert any("Evaluated among 10 documents" in note for note in prepared.notes)


def rows_of(*shapes: tuple[str, str, str, str]) -> list[Row]:
    return [
        Row(q, p, tuple(n.split()), (), (), frozenset({p, *others.split()})) for q, p, n, others in shapes
    ]


def test_no_batch_holds_a_false_negative() -> None:
    rows, _ = make_rows([*subject_records(), record("two answers", "w30 w31", "w32")], negatives=2)
    sampler = NoFalseNegatives(None, 8, False, seed=1, rows=rows)
    seen = set()
    for epoch in range(3):
        sampler.set_epoch(epoch)
        batches = list(sampler)
        assert len(batches) == len(sampler)
        for batch in batches:
            assert len({rows[i].query for i in batch}) == len(batch)
            for i in batch:
                others = {text for j in batch if j != i for text in (rows[j].positive, *rows[j].negatives)}
                assert rows[i].positives.isdisjoint(others)
            seen |= set(batch)
    assert seen == set(range(len(rows)))


def test_rows_meet_that_share_only_a_negative_and_not_those_that_share_an_answer() -> None:
    share_negative = rows_of(("one", "a", "x", ""), ("two", "b", "x", ""))
    assert [len(batch) for batch in NoFalseNegatives(None, 2, False, rows=share_negative)] == [2]
    # The second row's document also answers the first query, though the first row has another one.
    share_answer = rows_of(("one", "a", "x", "b"), ("two", "b", "y", ""))
    assert [len(batch) for batch in NoFalseNegatives(None, 2, False, rows=share_answer)] == [1]


def test_the_same_seed_and_epoch_give_the_same_batches() -> None:
    rows, _ = make_rows(subject_records(), negatives=1)
    first, second = (NoFalseNegatives(None, 8, False, seed=3, rows=rows) for _ in range(2))
    assert list(first) == list(second)
    second.set_epoch(1)
    assert list(first) != list(second)


def test_rows_of_a_batch_are_about_as_long_as_each_other() -> None:
    rows = rows_of(
        *((f"{'x' * (7 * place % 100)}{place}", f"p{place}", f"n{place}", "") for place in range(128))
    )
    batches = list(NoFalseNegatives(None, 8, False, seed=3, rows=rows))
    assert sorted(row for batch in batches for row in batch) == list(range(128))
    padding = [
        max(lengths) - min(lengths) for lengths in ([len(rows[i].query) for i in batch] for batch in batches)
    ]
    assert sum(padding) / len(padding) < 20  # of 100; at random it is about 80
