"""A Llama of some hundred thousand bytes with a chat template, and what a teacher and a search said."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from augury.connector.ingest.scenario_prompt import EXAMPLE, EXAMPLE_ANSWER, SYSTEM, TEMPLATE

_FAST: Any = PreTrainedTokenizerFast  # its types are not told
START, END, PAD = "<|start|>", "<|end|>", "<|pad|>"
CHAT = (
    "{% for m in messages %}<|start|>{{ m['role'] }}\n{{ m['content'] }}<|end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|start|>assistant\n{% endif %}"
)
WORDS = [
    *("kettle", "sink", "trap", "drain", "boiler", "lamp", "fuse", "hinge"),
    *("tile", "grout", "valve", "pump", "filter", "gasket", "nozzle", "lever"),
]


@pytest.fixture(scope="session")
def tiny_llm(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """``tiny_llm()``: the folder of a random Llama; ``chat=None`` has no template, ``pad=END`` pads so."""
    made: dict[tuple[Any, ...], Path] = {}

    def make(chat: str | None = CHAT, pad: str | None = PAD, dtype: torch.dtype = torch.float32) -> Path:
        key = (chat, pad, dtype)
        if key not in made:
            folder = tmp_path_factory.mktemp("llm")
            bpe = Tokenizer(models.BPE())
            bpe.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
            bpe.decoder = decoders.ByteLevel()
            texts = [SYSTEM, TEMPLATE, EXAMPLE, EXAMPLE_ANSWER.model_dump_json(), " ".join(WORDS)]
            bpe.train_from_iterator(
                texts,
                trainers.BpeTrainer(
                    vocab_size=1000,
                    special_tokens=[START, END, PAD],
                    initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
                    show_progress=False,
                ),
            )
            tokenizer: Any = _FAST(
                tokenizer_object=bpe, bos_token=START, eos_token=END, pad_token=pad, chat_template=chat
            )
            tokenizer.save_pretrained(folder)
            torch.manual_seed(1)
            config = LlamaConfig(
                vocab_size=1000,
                hidden_size=32,
                intermediate_size=64,
                num_hidden_layers=2,
                num_attention_heads=4,
                num_key_value_heads=2,
                max_position_embeddings=2048,
                bos_token_id=tokenizer.convert_tokens_to_ids(START),
                eos_token_id=tokenizer.convert_tokens_to_ids(END),
                pad_token_id=tokenizer.convert_tokens_to_ids(pad or END),
                tie_word_embeddings=True,
            )
            model: Any = LlamaForCausalLM(config)
            model.to(dtype).save_pretrained(folder)
            made[key] = folder
        return made[key]

    return make


def teacher_lines(count: int) -> list[dict[str, Any]]:
    """A teacher's records, each with its text, no two of them alike."""
    lines = []
    for number in range(count):
        a, b = WORDS[number % 16], WORDS[(number * 5 + number // 16) % 16]
        lines.append(
            {
                "doc_id": f"d{number}",
                "document_analysis": {"main_topic": a, "key_points": [f"{b} {number}"]},
                "explanation": [
                    {"information_need": f"A user wants a {a} {number}.", "explanation": f"It has a {b}."},
                    {"information_need": f"A user wants a {b}.", "explanation": f"It tells of a {a}."},
                ],
                "text": f"{number * 7919} {a} {b} {number * 104729 + 17}",
            }
        )
    return lines


def pair_lines(count: int) -> list[dict[str, Any]]:
    """Pairs whose chosen passage says the query's word and whose rejected one says another."""
    lines = []
    for number in range(count):
        a, b = WORDS[number % 16], WORDS[(number + 3) % 16]
        query = f"{number * 7919} {a}"
        lines.append(
            {
                "query_id": f"q{number}",
                "query": query,
                "prompt": [{"role": "user", "content": f"Write of {query}"}],
                "chosen": f"kettle {a} kettle",
                "rejected": f"{b} lamp",
                "chosen_reward": 1.0,
                "rejected_reward": 0.5,
            }
        )
    return lines


def write_lines(path: Path, lines: list[dict[str, Any]]) -> Path:
    path.write_text("".join(f"{json.dumps(line)}\n" for line in lines), encoding="utf-8")
    return path
