"""Every format in its true shape, what is wrong with a record, and the own format there and back."""

from __future__ import annotations

import csv
import gzip
import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from augury.errors import SourceError, TrainingDataError, UsageError
from augury.schemas.training import TrainingPassage, TrainingRecord
from augury.trainers.data.formats.hypencoder import PositiveItems
from augury.trainers.data.open import TrainingData, open_training_data
from augury.trainers.data.write import write_records

SNU = [
    {
        "query": "papers on sparse retrieval",
        "positive_title": "SPLADE",
        "positive_abstract": "Sparse lexical expansion.",
        "negative_title": title,
        "negative_abstract": "Something else.",
    }
    for title in ("BERT", "GPT")
]
DPR = {
    "dataset": "nq_train_psgs_w100",
    "question": "big little lies season 2 how many episodes",
    "answers": ["seven"],
    "positive_ctxs": [
        {"title": "Big Little Lies", "text": "series garnered", "score": 1000, "passage_id": "18768923"}
    ],
    "negative_ctxs": [{"title": "Cormac", "text": "McCarthy is", "score": 0, "passage_id": "2145653"}],
    "hard_negative_ctxs": [{"title": "Little People", "text": "final minutes", "psg_id": "2"}],
}
GEDANK = {
    "query": "how to treat a burn",
    "positive_document": "Cool it under water.",
    "negative_documents": [
        "Burns are classed by depth.",
        {"document": "Sunburn in history.", "explanation": "other time", "strategy": "TEMPORAL VARIANCE"},
    ],
}
EXPANDR = {
    "query": "who wrote it",
    "pseudo_doc": "It was written.",
    "pos": ["Ann did."],
    "neg": ["Bob read it."],
}
HYPENCODER = {
    "query": {"id": "q9", "content": "what is a q-net"},
    "items": [
        {"id": "d1", "content": "A small network.", "score": 7.5, "type": "positive"},
        {"id": "d2", "content": "A fishing net.", "score": -2.0, "type": "hard"},
        {"id": "d3", "content": "Made of a query.", "score": 6.0, "type": "positive"},
    ],
}


def lines(path: Path, *rows: Any) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def array(path: Path, *rows: Any, indent: int | None = 2) -> Path:
    path.write_text(json.dumps(rows, indent=indent), encoding="utf-8")
    return path


def read(path: Path, format: Any = None, **options: Any) -> tuple[list[TrainingRecord], TrainingData]:
    data = open_training_data(path, format, on_error="continue", **options)
    return list(data), data


def texts(passages: tuple[TrainingPassage, ...]) -> list[str]:
    return [passage.encoder_text for passage in passages]


def test_snu_triplets_of_one_query_are_one_record(tmp_path: Path) -> None:
    other = {**SNU[0], "query": "another"}
    ((first, second), data) = read(array(tmp_path / "t.json", *SNU, other))
    assert data.format == "snu" and (data.rows, data.used, data.records) == (3, 3, 2)
    assert first.positives == (TrainingPassage(title="SPLADE", text="Sparse lexical expansion."),)
    assert texts(first.negatives) == ["BERT Something else.", "GPT Something else."]
    assert texts(second.negatives) == ["BERT Something else."]


@pytest.mark.parametrize("indent", [None, 4])
def test_dpr(tmp_path: Path, indent: int | None) -> None:
    ((one,), data) = read(array(tmp_path / "d.json", DPR, indent=indent))
    assert data.format == "dpr" and one.query.startswith("big little")
    expected = TrainingPassage(title="Big Little Lies", text="series garnered", doc_id="18768923")
    assert one.positives == (expected,)
    assert texts(one.negatives) == ["Little People final minutes", "Cormac McCarthy is"]
    assert one.negatives[0].doc_id == "2" and one.negatives[1].score is None


def test_gedank_as_array_lines_and_table(tmp_path: Path) -> None:
    for path in (array(tmp_path / "g.json", GEDANK), lines(tmp_path / "g.jsonl", GEDANK)):
        ((one,), data) = read(path)
        assert data.format == "gedank" and texts(one.positives) == ["Cool it under water."]
        assert texts(one.negatives) == ["Burns are classed by depth.", "Sunburn in history."]
    for name, delimiter in (("g.csv", ","), ("g.tsv", "\t")):
        with (tmp_path / name).open("w", newline="") as file:
            writer = csv.writer(file, delimiter=delimiter)
            writer.writerow(["query", "document", "is_relevant", "explanation"])
            writer.writerow([GEDANK["query"], "Cool it under water.", 1, "Positive document"])
            writer.writerow([GEDANK["query"], "Burns, by depth.", 0, "x"])
            writer.writerow(["only wrong", "a document", 0, "x"])
            writer.writerow(["third", "a document", "perhaps", "x"])
        ((one,), data) = read(tmp_path / name)
        assert data.format == "gedank-table" and texts(one.negatives) == ["Burns, by depth."]
        assert (data.rows, data.used, data.failed) == (4, 2, 2)
        wrong = sorted(data.failures)
        assert f"{name}:4" in wrong[0] and "no passage answers its query" in wrong[0]
        assert "neither 1 nor 0" in wrong[1]


def test_expandr(tmp_path: Path) -> None:
    pair = {**EXPANDR, "query": ["Given a question, find an answer", "and when"]}
    ((one, two), data) = read(lines(tmp_path / "e.jsonl", EXPANDR, pair))
    assert data.format == "expandr" and (one.query, two.query) == ("who wrote it", "and when")
    assert (texts(one.positives), texts(one.negatives)) == (["Ann did."], ["Bob read it."])


def test_hypencoder_and_its_ways_to_tell_positives(tmp_path: Path) -> None:
    path = lines(tmp_path / "h.jsonl", HYPENCODER)
    ((one,), data) = read(path)
    assert data.format == "hypencoder" and one.query_id == "q9"
    assert [each.doc_id for each in one.positives] == ["d1"] and one.positives[0].score == 7.5
    assert [each.doc_id for each in one.negatives] == ["d2", "d3"]
    for choice in (PositiveItems("type"), PositiveItems("score", score_above=5)):
        ((one,), _) = read(path, positives=choice)
        assert [each.doc_id for each in one.positives] == ["d1", "d3"]
    (none, data) = read(path, positives=PositiveItems("type", positive_type="gold"))
    assert none == [] and "no passage answers its query" in data.failures[0]


def test_triplets_in_lines_csv_and_parquet(tmp_path: Path) -> None:
    rows = [
        {"anchor": "a1", "positive": "p1", "negative": "n1"},
        {"anchor": "a2", "positive": "p2", "negative": "n2"},
    ]
    table = tmp_path / "t.csv"
    table.write_text("anchor,positive,negative\na1,p1,n1\na2,p2,n2\n")
    columns = tmp_path / "t.parquet"
    pq.write_table(pa.Table.from_pylist(rows), columns)
    for path in (lines(tmp_path / "t.jsonl", *rows), table, columns):
        (found, data) = read(path)
        assert data.format == "triplets"
        assert [(r.query, texts(r.positives), texts(r.negatives)) for r in found] == [
            ("a1", ["p1"], ["n1"]),
            ("a2", ["p2"], ["n2"]),
        ]
    many = {"query": "q", "positive": "p", "negative_1": "x", "negative_2": "y", "negative_3": None}
    ((one,), _) = read(lines(tmp_path / "m.jsonl", many))
    assert texts(one.negatives) == ["x", "y"]
    ((one,), _) = read(lines(tmp_path / "p.jsonl", {"anchor": "q", "positive": "p"}))
    assert one.negatives == ()


def test_pairs_with_a_score_or_a_label(tmp_path: Path) -> None:
    scored = [
        {"sentence1": "q", "sentence2": "yes", "score": 0.9},
        {"sentence1": "q", "sentence2": "no", "score": 0.1},
    ]
    ((one,), data) = read(lines(tmp_path / "s.jsonl", *scored))
    assert data.format == "pairs" and one.positives == (TrainingPassage(text="yes", score=0.9),)
    assert one.negatives == (TrainingPassage(text="no", score=0.1),)
    (found, _) = read(tmp_path / "s.jsonl", positive_from=0.05)
    assert len(found[0].positives) == 2
    table = tmp_path / "l.csv"
    table.write_text("query,passage,label\nq,yes,1\nq,no,0\n")
    ((one,), _) = read(table)
    assert one.positives == (TrainingPassage(text="yes"),) and one.negatives[0].score is None


def test_a_beir_folder(tmp_path: Path) -> None:
    lines(tmp_path / "corpus.jsonl", {"_id": "d1", "title": "T", "text": "one"}, {"_id": "d2", "text": "two"})
    lines(tmp_path / "queries.jsonl", {"_id": "q1", "text": "first"}, {"_id": "q2", "text": "second"})
    (tmp_path / "qrels").mkdir()
    (tmp_path / "qrels/train.tsv").write_text(
        "query-id\tcorpus-id\tscore\nq1\td1\t1\nq1\td2\t0\nq2\tgone\t1\nq3\td2\t1\n"
    )
    ((one,), data) = read(tmp_path)
    assert one == TrainingRecord(
        query="first",
        query_id="q1",
        positives=(TrainingPassage(text="one", title="T", doc_id="d1"),),
    )
    assert (data.rows, data.failed) == (3, 2) and data.notes[0].startswith("1 judged documents")
    assert "'q2'" in data.failures[0] and "'q3'" in data.failures[1] and "has no text" in data.failures[1]
    with pytest.raises(SourceError, match="Choose a split that is: train"):
        read(tmp_path, split="dev")


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ('{"query": "x", "positives": [{"text": "', "is not valid JSON"),
        ('["query"]', "no JSON object but list"),
        ('{"query": "", "positives": [{"text": "a"}]}', "'query' is empty"),
        ('{"query": "x", "positives": []}', "positives"),
        ('{"query": "x"}', "positives: Field required"),
        ('{"query": "x", "positives": [{"text": " "}]}', "a passage"),
        ('{"query": "x", "positives": [{"text": 5}]}', "positives.0.text"),
        ('{"query": "x", "positives": [{"text": "a"}], "extra": 1}', "extra"),
        ('{"query": "\\ud800", "positives": [{"text": "a"}]}', "half a character"),
    ],
)
def test_a_malformed_line_is_one_sentence_with_its_number_and_costs_nothing_else(
    tmp_path: Path, row: str, reason: str
) -> None:
    path = tmp_path / "own.jsonl"
    good = '{"query": "q%d", "positives": [{"text": "a"}]}\n'
    path.write_text(good % 1 + row + "\n" + good % 2)
    (found, data) = read(path)
    assert [record.query for record in found] == ["q1", "q2"] and data.format == "own"
    assert (data.rows, data.used, data.failed) == (3, 2, 1)
    assert f"{path}:2 " in data.failures[0] and reason in data.failures[0]
    strict = open_training_data(path)
    assert next(strict).query == "q1"
    with pytest.raises(TrainingDataError, match=r"own\.jsonl:2") as caught:
        next(strict)
    assert caught.value.source == f"{path}:2"


def test_a_broken_object_of_an_array_costs_only_itself(tmp_path: Path) -> None:
    path = array(tmp_path / "g.json", *({**GEDANK, "query": f"q{number}"} for number in range(300)))
    text = path.read_text()
    path.write_text(text.replace('"query": "q7",', '"query": "q7,').replace('"query": "q9"', '"query": 9'))
    (found, data) = read(path)
    assert [record.query for record in found] == [f"q{n}" for n in range(300) if n not in (7, 9)]
    assert (data.rows, data.failed) == (300, 2)
    assert f"{path}:86 is not valid JSON" in data.failures[0] and "is no text but int" in data.failures[1]


def test_the_rest_of_an_array_on_one_line_is_lost_and_told(tmp_path: Path) -> None:
    path = array(tmp_path / "g.json", *[GEDANK] * 5, indent=None)
    path.write_text(path.read_text().replace('"how', '"how"', 1))
    (found, data) = read(path, "gedank")
    assert found == [] and data.failed == 1 and "what follows it cannot be read" in data.failures[0]
    path.write_text(json.dumps([GEDANK] * 3)[:-1])
    (found, data) = read(path)
    assert len(found) == 3 and "array is not closed" in data.failures[0]


def test_objects_larger_than_a_block_and_packed_files(tmp_path: Path) -> None:
    long = {**GEDANK, "positive_document": "word " * 50_000}
    path = tmp_path / "g.json.gz"
    path.write_bytes(gzip.compress(json.dumps([GEDANK, long, GEDANK]).encode()))
    (found, data) = read(path)
    assert len(found) == 3 and data.failed == 0 and len(found[1].positives[0].text) == 250_000


def test_what_is_no_training_data_is_told(tmp_path: Path) -> None:
    for name, content, says in (
        ("empty.jsonl", "", "holds no training data"),
        ("other.jsonl", '{"id": 1, "text": "x"}\n', "of no known format; its fields are: 'id', 'text'"),
        ("broken.jsonl", "{\n", "is not valid JSON"),
        ("text.csv", "", "is empty"),
    ):
        (tmp_path / name).write_text(content)
        with pytest.raises(SourceError, match=says):
            open_training_data(tmp_path / name)
    with pytest.raises(SourceError, match="is not there"):
        open_training_data(tmp_path / "nowhere")
    with pytest.raises(SourceError, match=r"no folder in BEIR layout"):
        open_training_data(tmp_path)
    with pytest.raises(UsageError, match="no format 'nope'"):
        open_training_data(tmp_path / "other.jsonl", "nope")  # type: ignore[arg-type]


TEXT = st.text(st.characters(exclude_categories=["Cs"]), min_size=1).filter(str.strip)
PASSAGE = st.builds(
    TrainingPassage,
    text=TEXT,
    title=st.one_of(st.just(""), TEXT),
    doc_id=st.one_of(st.just(""), TEXT),
    score=st.one_of(st.none(), st.floats(allow_nan=False, allow_infinity=False)),
)
RECORD = st.builds(
    TrainingRecord,
    query=TEXT,
    query_id=st.one_of(st.just(""), TEXT),
    positives=st.lists(PASSAGE, min_size=1, max_size=3).map(tuple),
    negatives=st.lists(PASSAGE, max_size=3).map(tuple),
)


@given(records=st.lists(RECORD, min_size=1, max_size=5))
def test_the_own_format_is_read_as_it_was_written(
    records: list[TrainingRecord], tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.mktemp("own") / "r.jsonl"
    write_records(path, records)
    assert list(open_training_data(path)) == records
