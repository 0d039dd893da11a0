"""Small models and data for the trainers: subjects w0 to w29, each with a query and documents of its own."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import BertConfig, BertForMaskedLM, BertModel

from augury.schemas.training import TrainingPassage, TrainingRecord
from tests.models.conftest import WORDS, word_tokenizer

SUBJECTS = 30


@pytest.fixture(scope="session")
def base(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """``base("dense")``, ``base("sparse")``: the folder of a random BERT of two layers."""
    made: dict[str, Path] = {}

    def make(kind: str) -> Path:
        if kind not in made:
            torch.manual_seed(3)
            config = BertConfig(
                vocab_size=len(WORDS),
                hidden_size=32,
                num_hidden_layers=2,
                num_attention_heads=2,
                intermediate_size=64,
                max_position_embeddings=64,
            )
            folder = tmp_path_factory.mktemp(kind)
            word_tokenizer().save_pretrained(folder)
            model = BertForMaskedLM(config) if kind == "sparse" else BertModel(config)
            model.save_pretrained(folder)
            made[kind] = folder
        return made[kind]

    return make


def subject_records(
    *, count: int = 160, scores: bool = False, expansions: int = 0, shuffled: bool = False
) -> list[TrainingRecord]:
    """Queries say ``w{s}`` and documents ``w{s+30} w{s+60}``: nothing to find before it is learnt."""
    drawing = random.Random(5)
    records = []
    for number in range(count):
        subject = number % SUBJECTS
        other = (subject + 1 + drawing.randrange(SUBJECTS - 1)) % SUBJECTS
        answer = drawing.randrange(SUBJECTS) if shuffled else subject
        records.append(
            TrainingRecord(
                query=f"w{subject} w{90 + number % 5} w{number // SUBJECTS}",
                query_id=f"q{number}",
                positives=(passage(answer, 1.0 if scores else None),),
                negatives=(passage(other if other != answer else subject, 0.0 if scores else None),)
                if other != answer or subject != answer
                else (),
                expansions=tuple(f"w{answer + 30} w{subject}" for _ in range(expansions)),
            )
        )
    return records


def passage(subject: int, score: float | None = None) -> TrainingPassage:
    return TrainingPassage(text=f"w{subject + 30} w{subject + 60}", doc_id=f"d{subject}", score=score)


def write_records(path: Path, records: list[TrainingRecord]) -> Path:
    path.write_text("".join(f"{record.model_dump_json()}\n" for record in records), encoding="utf-8")
    return path


@pytest.fixture
def records_file(tmp_path: Path) -> Callable[..., Path]:
    """``records_file(scores=True)``: a file of records."""

    def make(**options: Any) -> Path:
        return write_records(tmp_path / "records.jsonl", subject_records(**options))

    return make


@pytest.fixture
def dev_folder(tmp_path: Path) -> Path:
    """A BEIR folder of all thirty documents, and a query for each that no record has."""
    folder = tmp_path / "collection"
    (folder / "qrels").mkdir(parents=True)
    documents = [{"_id": f"d{s}", "title": "", "text": f"w{s + 30} w{s + 60}"} for s in range(SUBJECTS)]
    queries = [{"_id": f"q{s}", "text": f"w{s} w89"} for s in range(SUBJECTS)]
    for name, lines in (("corpus", documents), ("queries", queries)):
        text = "".join(f"{json.dumps(line)}\n" for line in lines)
        (folder / f"{name}.jsonl").write_text(text, encoding="utf-8")
    qrels = "".join(f"q{s}\td{s}\t1\n" for s in range(SUBJECTS))
    (folder / "qrels/dev.tsv").write_text(f"query-id\tcorpus-id\tscore\n{qrels}", encoding="utf-8")
    return folder
