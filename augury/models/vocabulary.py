"""A SPLADE model with fewer terms: ``keep_terms(model, kept)``.

Nearly all the time of a small SPLADE model goes into the product with its vocabulary of 30,000 pieces, most
of which a collection never has. Without them the model is smaller and faster; a word whose own piece is gone
is read as the pieces that are left, and the weights of the other terms stay exactly as they are for every
text that none of the lost pieces is in.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

import torch
from sentence_transformers import SparseEncoder
from sentence_transformers.base.modules import Transformer
from tokenizers import Tokenizer
from torch import nn

from ..errors import ModelError
from ..schemas.points import SparseVector

_SPECIAL = ("pad_token", "unk_token", "cls_token", "sep_token", "mask_token")


def terms_in_use(
    model: SparseEncoder, texts: Iterable[str], vectors: Iterable[SparseVector], most: int
) -> list[int]:
    """``terms_in_use(model, texts, vectors, 8000)``: the ids to keep, ascending.

    Always those of special tokens and of single characters, so that every word can still be read; then the
    pieces that texts have, the frequent ones first; then those that weigh most in the documents' vectors.

    Args:
        most: of them all; more only where there are more special tokens and single characters.
    """
    vocabulary = _word_pieces(model)["model"]["vocab"]
    tokenizer: Any = model.tokenizer
    always = set(tokenizer.all_special_ids) | {
        place for piece, place in vocabulary.items() if len(piece.removeprefix("##")) == 1
    }
    counts: Counter[int] = Counter()
    for text in texts:
        counts.update(tokenizer(text, add_special_tokens=False, verbose=False)["input_ids"])
    mass: Counter[int] = Counter()
    for vector in vectors:
        for place, weight in zip(vector.indices.tolist(), vector.values.tolist(), strict=True):
            mass[place] += weight
    wanted = sorted(
        (set(counts) | set(mass)) - always,
        key=lambda place: (-counts[place], -mass[place], place),
    )
    return sorted(always | set(wanted[: max(0, most - len(always))]))


def keep_terms(model: SparseEncoder, kept: Sequence[int]) -> None:
    """Take every other piece out of the tokenizer, the embeddings and the projection, in place.

    Args:
        kept: old ids, ascending; the piece of ``kept[i]`` has the id i from now on.

    Raises:
        ModelError: the model has no such vocabulary, or no projection onto it.
    """
    described = _word_pieces(model)
    new = {old: place for place, old in enumerate(kept)}
    transformer = _transformer(model)
    network: Any = transformer.model
    before = {name: _weights(network, name) for name in ("input", "output")}
    bias = network.get_output_embeddings().bias
    bias = None if bias is None else bias.detach().clone()
    network.resize_token_embeddings(len(kept), mean_resizing=False)
    rows = torch.tensor(list(kept))
    with torch.no_grad():
        network.get_input_embeddings().weight.copy_(before["input"][rows])
        output = network.get_output_embeddings()
        output.weight.copy_(before["output"][rows])
        if bias is not None:
            output.bias.copy_(bias[rows])
    config = network.config
    for name in ("pad_token_id", "bos_token_id", "eos_token_id", "sep_token_id", "cls_token_id"):
        if getattr(config, name, None) is not None:
            setattr(config, name, new.get(getattr(config, name)))
    embeddings = network.get_input_embeddings()
    if embeddings.padding_idx is not None:
        embeddings.padding_idx = new.get(embeddings.padding_idx)
    transformer.processor = _smaller(model.tokenizer, described, new)


def _smaller(tokenizer: Any, described: dict[str, Any], new: dict[int, int]) -> Any:
    """The same tokenizer without the pieces that are gone."""
    described["model"]["vocab"] = {
        piece: new[place] for piece, place in described["model"]["vocab"].items() if place in new
    }
    for added in described["added_tokens"]:
        added["id"] = new[added["id"]]
    special = (described.get("post_processor") or {}).get("special_tokens") or {}
    for each in special.values():
        each["ids"] = [new[place] for place in each["ids"]]
    padding = described.get("padding")
    if padding:
        padding["pad_id"] = new[padding["pad_id"]]
    from transformers import PreTrainedTokenizerFast

    return PreTrainedTokenizerFast(  # type: ignore[no-untyped-call]
        tokenizer_object=Tokenizer.from_str(json.dumps(described)),
        model_max_length=tokenizer.model_max_length,
        **{name: getattr(tokenizer, name) for name in _SPECIAL if getattr(tokenizer, name, None)},
    )


def _word_pieces(model: SparseEncoder) -> dict[str, Any]:
    """What the tokenizer says of itself. Raises ``ModelError`` where it is none of word pieces."""
    backend = getattr(model.tokenizer, "backend_tokenizer", None)
    described: dict[str, Any] = json.loads(backend.to_str()) if backend else {"model": {}}
    if described["model"].get("type") != "WordPiece" or "special_tokens" not in (
        described.get("post_processor") or {}
    ):
        raise ModelError(
            "Only a vocabulary of word pieces, as BERT's, can be made smaller",
            "Name a SPLADE model over BERT or DistilBERT",
        )
    return described


def _transformer(model: SparseEncoder) -> Any:
    first: Any = model[0]
    if not isinstance(first, Transformer) or type(first.model.get_output_embeddings()) is not nn.Linear:
        raise ModelError(
            "The model has no single projection onto its vocabulary",
            "Name a SPLADE model that encodes queries and documents alike",
        )
    return first


def _weights(network: Any, which: str) -> torch.Tensor:
    module = network.get_input_embeddings() if which == "input" else network.get_output_embeddings()
    weight: torch.Tensor = module.weight.detach().clone()
    return weight
