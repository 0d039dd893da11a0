"""Chunks lose nothing, are never too long, and end where sentences end."""

from __future__ import annotations

import json
import time
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from augury.connector.ingest.chunk import chunk
from augury.schemas.document import Document, Passage
from augury.schemas.profile import ChunkProfile

SENTENCES = " ".join(f"This is sentence number {number} of the text." for number in range(400))


def passages(text: str, profile: ChunkProfile, extension: str = ".txt", title: str = "T") -> list[Passage]:
    return chunk(Document(id="a", text=text, title=title, metadata={"extension": extension}), profile)


def covered(text: str, parts: list[str]) -> bool:
    """Whether the parts, one after the other, leave out nothing but whitespace."""
    end = 0
    for part in parts:
        end += len(text[end:]) - len(text[end:].lstrip())
        found = text.rfind(part, 0, end + len(part))  # the furthest place that leaves no gap
        if found < 0:
            return False
        end = max(end, found + len(part))
    return not text[end:].strip()


texts = st.one_of(
    st.text(max_size=300),
    st.lists(
        st.sampled_from(
            ["word ", "Sentence end. ", "\n\n", "# Head\n", "- item\n", "```\n", "日本語。", "\r\n", "é"]
        ),
        max_size=200,
    ).map("".join),
)


@settings(max_examples=300, deadline=None)
@given(
    text=texts,
    limits=st.tuples(st.integers(1, 60), st.integers(0, 60)),
    overlap=st.floats(0, 0.49),
    extension=st.sampled_from([".txt", ".md"]),
)
def test_nothing_is_lost_nothing_is_too_long_and_it_is_repeatable(
    text: str, limits: tuple[int, int], overlap: float, extension: str
) -> None:
    profile = ChunkProfile(min_chars=limits[0], max_chars=sum(limits), overlap=overlap)
    found = passages(text, profile, extension)
    parts = [each.text for each in found]
    assert all(len(part) <= profile.max_chars for part in parts)
    assert covered(text, parts), (text, parts)
    assert found == passages(text, profile, extension)
    assert [each.chunk for each in found] == list(range(len(found)))
    assert {each.chunks for each in found} == {len(found)}


def test_chunks_end_where_sentences_end() -> None:
    found = passages(SENTENCES, ChunkProfile(min_chars=200, max_chars=400))
    assert len(found) > 10
    assert all(each.text.startswith("This is") and each.text.endswith("text.") for each in found)
    assert all(200 <= len(each.text) <= 400 for each in found[:-1])


def test_neighbours_share_up_to_the_overlap() -> None:
    found = passages(SENTENCES, ChunkProfile(min_chars=300, max_chars=600, overlap=0.2))
    shared = [shared_chars(first.text, second.text) for first, second in pairwise(found)]
    assert all(0 < each <= 0.2 * 600 for each in shared)
    apart = passages(SENTENCES, ChunkProfile(min_chars=300, max_chars=600, overlap=0))
    assert not any(shared_chars(first.text, second.text) for first, second in pairwise(apart))


def shared_chars(first: str, second: str) -> int:
    return max(size for size in range(len(second) + 1) if first.endswith(second[:size]))


def test_an_overlap_larger_than_min_chars_is_bounded() -> None:
    found = passages("x" * 20_000, ChunkProfile(min_chars=100, max_chars=2000, overlap=0.4))
    assert len(found) <= 20_000 / 50


def test_markdown_is_cut_at_its_headings() -> None:
    text = "\n\n".join(f"# Part {number}\n\n{'Some words here. ' * 12}" for number in range(6))
    found = passages(text, ChunkProfile(min_chars=150, max_chars=400, overlap=0), ".md")
    assert len(found) == 6
    assert all(each.text.startswith("# Part") for each in found)


def test_mode_none_is_one_passage() -> None:
    (found,) = passages(SENTENCES, ChunkProfile(mode="none", min_chars=1, max_chars=10))
    assert found.text == SENTENCES


@pytest.mark.parametrize("mode", ["sentences", "none"])
def test_a_title_alone_is_one_passage(mode: str) -> None:
    (found,) = passages("", ChunkProfile.model_validate({"mode": mode}))
    assert (found.encoder_text, found.chunk, found.chunks) == ("T", 0, 1)


def test_passages_carry_what_the_document_has() -> None:
    document = Document(id="a", text="words", title="T", metadata={"n": 1}, source="f:1")
    (found,) = chunk(document, ChunkProfile())
    assert found == Passage(
        doc_id="a",
        chunk=0,
        chunks=1,
        text="words",
        title="T",
        metadata={"n": 1},
        source="f:1",
        content_hash=document.content_hash,
    )


def test_a_text_without_sentence_ends_takes_no_squared_time() -> None:
    """About a second with the window, more than a minute without it."""
    started = time.perf_counter()
    assert len(passages("日本語の文章" * 40_000, ChunkProfile(max_chars=1000))) > 240
    assert time.perf_counter() - started < 20


@pytest.mark.real
def test_real_texts_lose_nothing(data_dir: Path) -> None:
    with (data_dir / "scifact" / "corpus.jsonl").open(encoding="utf-8") as lines:
        texts = [json.loads(next(lines))["text"] for _ in range(300)]
    for text in [*texts, "\n\n".join(texts)]:
        parts = [each.text for each in passages(text, ChunkProfile())]
        assert covered(text, parts)
        assert max(map(len, parts)) <= 2000
