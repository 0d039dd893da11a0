"""Expansion passages: what models like to say first is no part of them."""

from __future__ import annotations

import pytest

from augury.connector.query.expansion_prompt import expansion_chats, parse_passage
from augury.models.llm.dialect import Dialect
from augury.schemas.llm import Sampling

PASSAGE = "Salt slows yeast because it draws water out of the cells."


@pytest.mark.parametrize(
    "lead_in",
    [
        "",
        "Here is a passage that answers the question:\n\n",
        "Here's a short passage: ",
        "Sure! Here is the passage you asked for:\n",
        "Certainly, here is an answer:\n",
        "Passage: ",
        "**Answer:** ",
        "Sure!\n\nHere is a document that could help:\n\nPassage:\n",
        "The following is an excerpt of such a document:\n",
        "Of course. ",
    ],
)
def test_lead_ins_go(lead_in: str) -> None:
    assert parse_passage(f"{lead_in}{PASSAGE}") == PASSAGE


@pytest.mark.parametrize(
    "text",
    [
        PASSAGE,
        "Here is how it works: salt draws water out.",
        "Sure footing matters on ice.",
        "Answering machines record calls: they need power.",
        "Okay is a word: it means yes.",
    ],
)
def test_what_only_looks_like_one_stays(text: str) -> None:
    assert parse_passage(text) == text


@pytest.mark.parametrize("text", ["", " \n ", '""', "Passage:", "...", "Sure! Here is the passage:"])
def test_nothing_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="empty"):
        parse_passage(text)


def test_each_passage_is_drawn_anew() -> None:
    chats = expansion_chats("why salt", Sampling(max_tokens=9, temperature=1, seed=5), 3)
    assert [Dialect().request(chat)["seed"] for chat in chats] == [5, 6, 7]
    assert "seed" not in Dialect().request(expansion_chats("why salt", Sampling(max_tokens=9), 1)[0])
    assert len({chat.key("m") for chat in chats}) == 3
    assert all("why salt" in str(chat.messages(chat.text)[-1]["content"]) for chat in chats)
