"""Scenarios that ``augury generate scenarios --teacher`` writes are what ``augury train scenarios`` reads."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from augury.connector.ingest.generate import generate
from augury.connector.ingest.generator import Generated
from augury.schemas.document import Document, digest
from augury.schemas.profile import Profile
from augury.schemas.scenario import ScenarioRecord
from augury.trainers.llm.teacher import lessons

DOCUMENTS = [Document(id="a", title="Kettles", text="A kettle with chalk boils late.")]


class Told:
    """A generator that says one thing of every passage."""

    usage = None

    def generate(self, passages: Any) -> Any:
        for passage in passages:
            record = ScenarioRecord(
                doc_id=passage.doc_id,
                chunk=passage.chunk,
                text_hash=digest(passage.encoder_text),
                explanation=[{"information_need": "A user wants tea sooner."}],  # type: ignore[list-item]
            )
            yield Generated(passage, record, None)

    def notes(self) -> list[str]:
        return []


@pytest.mark.parametrize("texts", [True, False])
def test_a_written_file_can_be_taught(tmp_path: Path, texts: bool) -> None:
    file = tmp_path / "teacher.jsonl"
    told: Any = Told()
    generate(DOCUMENTS, told, Profile(), file, texts=texts)
    assert ('"text":' in file.read_text()) == texts
    source = tmp_path / "documents.jsonl"
    source.write_text('{"id": "a", "title": "Kettles", "text": "A kettle with chalk boils late."}\n')
    found = lessons(str(file), "" if texts else str(source))
    assert [lesson.text for lesson in found.lessons] == ["Kettles A kettle with chalk boils late."]
    source.write_text('{"id": "a", "title": "Kettles", "text": "Another text by now."}\n')
    if not texts:
        from augury.errors import SourceError

        with pytest.raises(SourceError, match="is another by now"):
            lessons(str(file), str(source))
