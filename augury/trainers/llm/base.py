"""The LLM that training starts from: ``open_base("starter:smollm2").model(torch.float32)``.

What a chat template and a tokenizer can get wrong shows only after training, when the model never stops or
was taught another prompt than it is asked. So it is seen to here, before anything is trained.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from jinja2 import TemplateError
from transformers import AutoModelForCausalLM, AutoTokenizer

from ...errors import ModelError, first_line
from ...models.cache import cache_folder
from ...models.gguf import gguf_path, to_checkpoint
from ...models.registry import STARTER, refuse_other_kind
from ...models.resolve import resolve
from ..bases import refuse_adapter

Messages = list[dict[str, str]]
_PROBE: Messages = [
    {"role": "user", "content": "How many legs has a spider?"},
    {"role": "assistant", "content": "Eight."},
]


@dataclass(frozen=True)
class LlmBase:
    """A causal language model and its tokenizer, with a template that was looked at.

    Attributes:
        ends: tokens by which generation stops; the template writes one of them after an answer.
    """

    name: str
    folder: Path
    revision: str
    tokenizer: Any
    ends: frozenset[int]

    def model(self, dtype: torch.dtype) -> Any:
        """The weights, on the CPU."""
        return load_llm(self.folder, self.name, dtype)

    @property
    def dtype(self) -> torch.dtype:
        """What the base's own weights are in, and the result's will be."""
        stored = json.loads((self.folder / "config.json").read_text(encoding="utf-8"))
        name = stored.get("dtype") or stored.get("torch_dtype") or "float32"
        return {"bfloat16": torch.bfloat16, "float16": torch.float16}.get(name, torch.float32)

    def prompt_ids(self, messages: Messages) -> list[int]:
        """A prompt in tokens, as a server hands it to the model."""
        return chat_ids(self.tokenizer, messages, answer=False)


def open_base(name: str) -> LlmBase:
    """Resolve a model and look at its tokenizer; the weights are read later.

    A starter comes as GGUF and is unpacked once, into the cache.

    Raises:
        ModelNotFound, ModelFetchError: as ``resolve``.
        ModelError: no causal language model, no chat template, or one that leaves an answer without end.
        MissingDependency: a GGUF needs the extra ``convert``.
    """
    refuse_other_kind(name, "llm")
    if name.startswith(STARTER):
        out = cache_folder() / "checkpoints" / name.replace(":", "--")
        out.parent.mkdir(parents=True, exist_ok=True)
        folder, revision = to_checkpoint(gguf_path(name), out), resolve(name).revision
    else:
        found = resolve(name)
        folder, revision = found.path, found.revision
        refuse_adapter(folder, name)
        _refuse_wrong(folder, name)
    tokenizer = _tokenizer(folder, name)
    return LlmBase(name, folder, revision, tokenizer, checked_ends(folder, name, tokenizer))


def load_llm(folder: Path, name: str, dtype: torch.dtype) -> Any:
    """The weights of a folder. Raises ``ModelError`` where they do not make a causal language model."""
    try:
        return AutoModelForCausalLM.from_pretrained(
            folder, dtype=dtype, local_files_only=True, trust_remote_code=False
        )
    except (OSError, ValueError, RuntimeError) as error:
        reason = first_line(error)
        raise ModelError(
            f"{name} cannot be loaded as a language model: {reason}", "Check that its folder is whole"
        ) from error


def chat_ids(tokenizer: Any, messages: Sequence[dict[str, str]], *, answer: bool) -> list[int]:
    """Messages in tokens by the template: with the answer that ends them, or up to where one begins.

    Raises ``ModelError`` where the template refuses them, as some refuse instructions of a system.
    """
    try:
        ids: list[int] = tokenizer.apply_chat_template(
            list(messages), add_generation_prompt=not answer, tokenize=True, return_dict=True
        )["input_ids"]
    except TemplateError as error:
        roles = ", ".join(message["role"] for message in messages)
        raise ModelError(
            f"The chat template of {tokenizer.name_or_path} refuses messages of {roles}: {first_line(error)}",
            "Use a base whose template takes them",
        ) from error
    return ids


def checked_ends(folder: Path, name: str, tokenizer: Any) -> frozenset[int]:
    """The tokens that end an answer; also gives the tokenizer a token to pad with, where it has none.

    Raises ``ModelError`` where there is no chat template, where its prompt is not how its conversation
    begins, or where it ends an answer with no token that stops generation.
    """
    if not tokenizer.chat_template:
        raise ModelError(
            f"{name} has no chat template, so that nothing tells prompt and answer apart",
            "Start from an instruct model, such as starter:smollm2",
        )
    if tokenizer.eos_token_id is None:
        raise ModelError(f"{name} has no token that ends a text", "Start from an instruct model")
    if tokenizer.pad_token_id is None:
        tokenizer.pad_token = tokenizer.eos_token  # the mask and the labels go by lengths, not by this token
    prompt, whole = (
        chat_ids(tokenizer, messages, answer=more) for messages, more in ((_PROBE[:1], False), (_PROBE, True))
    )
    if whole[: len(prompt)] != prompt:
        raise ModelError(
            f"The chat template of {name} writes a prompt otherwise once an answer follows it",
            "Use another base, as this one would be taught another prompt than it is asked",
        )
    ends = _ends(folder) | {int(tokenizer.eos_token_id)}
    if not ends & set(whole[len(prompt) :]):
        raise ModelError(
            f"The chat template of {name} ends an answer with no token that stops generation",
            "Use a base whose template writes its end-of-text token after an answer",
        )
    return frozenset(ends)


def _ends(folder: Path) -> set[int]:
    """What generation stops at, by the model's own files."""
    found: set[int] = set()
    for file in ("config.json", "generation_config.json"):
        path = folder / file
        told = json.loads(path.read_text(encoding="utf-8")).get("eos_token_id") if path.is_file() else None
        found |= set(told if isinstance(told, list) else [] if told is None else [told])
    return found


def _tokenizer(folder: Path, name: str) -> Any:
    try:
        return AutoTokenizer.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    except (OSError, ValueError) as error:
        reason = first_line(error)
        raise ModelError(f"{name} has no tokenizer: {reason}", "Name the folder of a whole model") from error


def _refuse_wrong(folder: Path, name: str) -> None:
    try:
        kinds = json.loads((folder / "config.json").read_text(encoding="utf-8")).get("architectures") or []
    except (OSError, ValueError):
        kinds = []
    if not any("CausalLM" in kind for kind in kinds):
        raise ModelError(
            f"{name} is no causal language model",
            "Name an instruct model with --base; a .gguf goes through `augury models convert` first",
        )
