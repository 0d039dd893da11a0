"""One encoder, two, or one with an adapter for queries: ``build(config)``, ``merged(model, config)``.

Two towers: Karpukhin et al. 2020, https://arxiv.org/abs/2004.04906. An adapter for queries alone: Singh et
al. 2023 (SPECTER2), https://arxiv.org/abs/2211.13308; here it is a LoRA (Hu et al. 2021,
https://arxiv.org/abs/2106.09685), which is merged into the queries' weights when training ends, so that the
model is an ordinary one. The documents' encoder stays the base, so that documents keep the vectors they have.
"""

from __future__ import annotations

import copy
from typing import Any

from sentence_transformers import SentenceTransformer
from sentence_transformers.base.modules import Router, Transformer
from sentence_transformers.sentence_transformer.modules import Pooling
from torch import nn
from transformers import set_seed

from ..errors import MissingDependency
from ..models.backbone import shipped_prompt
from ..models.resolve import resolve
from .bases import is_bare, limit_tokens, open_base
from .config import DenseConfig

_ADAPTER = "default"


def build(config: DenseConfig) -> tuple[SentenceTransformer, str]:
    """The model to train, and the revision of its base; the same seed gives the same LoRA."""
    set_seed(config.seed)
    model, revision = _open(config, config.base)
    prompts = {"query": shipped_prompt(model, "query"), "document": shipped_prompt(model, "document")}
    if config.towers != "one":
        if config.document_base:
            documents, other = _open(config, config.document_base)
            prompts["document"] = shipped_prompt(documents, "document")
            revision = f"{revision}+{other}"
        else:
            documents = copy.deepcopy(model)
        if config.towers == "query-adapter":
            _freeze(documents)
            _add_lora(model, config)
        router = Router.for_query_document(list(model.children()), list(documents.children()))  # type: ignore[arg-type]
        model = SentenceTransformer(modules=[router], device=str(model.device))
    limit_tokens(model, config.max_tokens)
    given = {"query": config.query_prompt, "document": config.document_prompt}
    model.prompts = {name: given[name] or prompts[name] for name in prompts}
    return model, revision


def merged(model: SentenceTransformer, config: DenseConfig) -> SentenceTransformer:
    """The trained model, with its LoRA, where it has one, added to the weights of the queries' encoder."""
    if config.towers != "query-adapter":
        return model
    from peft.tuners.lora import LoraLayer

    router: Any = model[0]
    trained, documents = (list(router.sub_modules[route]) for route in ("query", "document"))
    queries: list[Any] = copy.deepcopy(documents)
    own = dict(queries[0].named_modules())
    for name, layer in trained[0].named_modules():
        if isinstance(layer, LoraLayer):
            lora: Any = layer
            own[name].weight.data += lora.get_delta_weight(_ADAPTER)
    whole = SentenceTransformer(modules=[Router.for_query_document(queries, documents)], device="cpu")
    whole.prompts = model.prompts
    return whole


def _open(config: DenseConfig, name: str) -> tuple[SentenceTransformer, str]:
    model, revision = open_base(SentenceTransformer, name, "dense", config.device)
    if is_bare(resolve(name).path):
        model[1] = Pooling(model.get_embedding_dimension() or 0, pooling_mode=config.pooling)
    return model, revision


def _freeze(model: SentenceTransformer) -> None:
    """No gradient, and no dropout either: these are the vectors that the index has."""
    model.requires_grad_(False)
    for module in model.modules():
        if isinstance(module, nn.Dropout):
            module.p = 0.0


def _add_lora(model: SentenceTransformer, config: DenseConfig) -> None:
    try:
        from peft import LoraConfig
    except ImportError as error:
        raise MissingDependency("peft", "train") from error
    transformer = next(module for module in model.modules() if isinstance(module, Transformer))
    network: Any = transformer.model
    lora = LoraConfig(
        r=config.lora_rank,
        lora_alpha=2 * config.lora_rank,
        lora_dropout=0.1,
        target_modules="all-linear",
        base_model_name_or_path=network.name_or_path,
    )
    network.add_adapter(lora, adapter_name=_ADAPTER)
