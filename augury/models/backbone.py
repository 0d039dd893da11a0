"""Load a sentence-transformers model and run it over many texts: ``open_model(...)``, ``forward(...)``.

Dense and sparse encoders share it. Texts are tokenised once per window, by the model's own ``preprocess``,
and the padded tensors are cut into batches of like length, so that one long text does not make a whole
window as wide as itself.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any, Literal, TypeVar

import torch
from sentence_transformers import CrossEncoder, SentenceTransformer, SparseEncoder
from transformers.utils import logging as transformers_logging

from ..errors import ModelError, first_line
from .batching import halving, token_batches
from .device import DtypeName, pick_device, pick_dtype
from .resolve import resolve

WINDOW = 1024
"""Texts tokenised at once: bounds the padded token tensors, 24 bytes a token."""
Task = Literal["query", "document"]
Model = TypeVar("Model", SentenceTransformer, SparseEncoder, CrossEncoder)


def open_model(
    kind: type[Model], name: str, device: str | None, dtype: DtypeName | None
) -> tuple[Model, str]:
    """``open_model(SentenceTransformer, name, None, None)``: the model in eval mode, and its revision.

    Raises:
        ModelNotFound, ModelFetchError: as ``resolve``.
        ModelError: the files do not make a model of this kind.
    """
    found = resolve(name)
    device = pick_device(device)
    try:
        with no_progress_bars():
            model = kind(
                str(found.path),
                device=device,
                local_files_only=True,
                trust_remote_code=False,
                model_kwargs={"dtype": pick_dtype(device, dtype)},
            )
    except Exception as error:
        reason = first_line(error)
        raise ModelError(
            f"{name} cannot be loaded as a {kind.__name__}: {reason}",
            "Check that the folder holds a whole model of this kind",
        ) from error
    model.eval()
    return model, found.revision


def shipped_prompt(model: SentenceTransformer | SparseEncoder, task: Task) -> str:
    """The prompt that a model brings along for queries or documents, or an empty text."""
    names = ("query",) if task == "query" else ("document", "passage", "corpus")
    return next((prompt for name in names if (prompt := model.prompts.get(name))), "")


def forward(
    model: SentenceTransformer | SparseEncoder,
    texts: Sequence[str],
    *,
    task: Task,
    prompt: str,
    max_tokens: int,
) -> Iterator[tuple[list[int], torch.Tensor]]:
    """``for positions, output in forward(...)``: each text's position once, with its row of the output.

    Yields:
        positions in ``texts``, and ``(positions, dim)`` on the model's device.

    Raises:
        ModelError: the memory does not hold the work on one text.
    """
    for start in range(0, len(texts), WINDOW):
        window = list(texts[start : start + WINDOW])
        features = model.preprocess(window, prompt=prompt or None, task=task)
        if "attention_mask" not in features:  # a static model: a table of word vectors, nothing is padded
            yield list(range(start, start + len(window))), _run(model, task, features)
            continue
        run = partial(_run_rows, model, task, features)
        lengths = features["attention_mask"].sum(dim=1).tolist()
        for rows in token_batches(lengths, max_tokens, len(window)):
            for part, output in halving(run, rows):
                yield [start + row for row in part], output


def _run_rows(
    model: SentenceTransformer | SparseEncoder, task: Task, features: dict[str, Any], rows: list[int]
) -> torch.Tensor:
    """Run some rows of the padded tensors, without the columns that are padding in all of them."""
    mask = features["attention_mask"]  # (texts, tokens)
    if len(mask) > 1:
        used = mask[rows].any(dim=0).nonzero()
        columns = slice(int(used[0]), int(used[-1]) + 1) if len(used) else slice(0, 1)
        cut = {}
        for key, value in features.items():
            if isinstance(value, torch.Tensor) and value.shape[:2] == mask.shape:
                value = value[rows, columns]
            elif isinstance(value, torch.Tensor) and value.shape[:1] == mask.shape[:1]:
                value = value[rows]
            cut[key] = value
        features = cut
    return _run(model, task, features)


def _run(model: SentenceTransformer | SparseEncoder, task: Task, features: dict[str, Any]) -> torch.Tensor:
    device = model.device
    # A new dict, because the modules write their results into the one they are given.
    batch = {
        key: value.to(device) if isinstance(value, torch.Tensor) else value for key, value in features.items()
    }
    with torch.inference_mode():
        output: torch.Tensor = model(batch, task=task)["sentence_embedding"]
    return output


@contextmanager
def no_progress_bars() -> Iterator[None]:
    """transformers draws a bar while it loads weights; a library draws nothing."""
    drawn = transformers_logging.is_progress_bar_enabled()
    transformers_logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    try:
        yield
    finally:
        if drawn:
            transformers_logging.enable_progress_bar()  # type: ignore[no-untyped-call]
