"""The card of a trained model, README.md in its folder: ``model_card(report)``."""

from __future__ import annotations

import json
from dataclasses import dataclass

from ..schemas.training_report import TrainingReport

_RETRIEVER = """\
```python
from sentence_transformers import {loads}

model = {loads}("{name}")
```
"""
_RERANKER = """\
```python
from augury.models.hypencoder import load_hypencoder

model = load_hypencoder("{name}")
```
"""
_INT8 = """\
```python
from augury.models.sparse import load_sparse

model = load_sparse("{name}")  # needs augury[onnx]
```
"""
_LLM = """\
```sh
vllm serve {name}
augury {use} --llm-url http://localhost:8000/v1
```
"""


@dataclass(frozen=True)
class _Words:
    """What a card says of one kind of model."""

    what: str
    library: str
    tag: str
    snippet: str


_WORDS = {
    "dense": _Words(
        "A dense retrieval model",
        "sentence-transformers",
        "sentence-similarity",
        _RETRIEVER.replace("{loads}", "SentenceTransformer"),
    ),
    "sparse": _Words(
        "A sparse retrieval model",
        "sentence-transformers",
        "feature-extraction",
        _RETRIEVER.replace("{loads}", "SparseEncoder"),
    ),
    "sparse-int8": _Words(
        "A sparse retrieval model with weights of 8 bits, for ONNX Runtime",
        "augury",
        "feature-extraction",
        _INT8,
    ),
    "hypencoder": _Words(
        "A Hypencoder, which reranks",
        "augury",
        "text-ranking",
        _RERANKER,
    ),
    "scenarios": _Words(
        "An LLM that foresees who will need a document",
        "transformers",
        "text-generation",
        _LLM.replace("{use}", "ingest docs/ --to my-index --needs {needs}"),
    ),
    "expander": _Words(
        "An LLM that writes passages which answer a query",
        "transformers",
        "text-generation",
        _LLM.replace("{use}", "search my-index 'a query' --expand llm"),
    ),
}


def model_card(report: TrainingReport) -> str:
    """Markdown with the head that model hubs read."""
    name = report.model.replace("\\", "/").rstrip("/").rpartition("/")[2]
    rows = "\n".join(
        f"| {measure} | {gain.after.mean:.3f} | ({gain.before.mean:.3f}) | {gain.difference.mean:+.3f} "
        f"[{gain.difference.low:+.3f}, {gain.difference.high:+.3f}] |"
        for measure, gain in report.measures.items()
    )
    active = "".join(
        f"- Active terms {when}: {terms.queries:.0f} in queries, {terms.documents:.0f} in documents\n"
        for when, terms in report.active_terms.items()
    )
    notes = "".join(f"- {note}\n" for note in (*report.checks, *report.notes))
    words = _WORDS[report.kind]
    snippet = words.snippet.replace("{name}", name).replace("{needs}", str(report.config.get("needs", "")))
    return f"""---
license: {json.dumps(report.licence or "unknown")}
base_model: {json.dumps(report.base)}
library_name: {words.library}
pipeline_tag: {words.tag}
---

# {name}

{words.what}, trained from `{report.base}` (revision {report.base_revision[:12]}) with
Augury {report.augury_version}.

**{report.verdict}.**

On {report.dev}, {report.counts.dev_queries} queries among {report.counts.dev_documents} documents, after
(before):

| | after | (before) | difference, 95 % interval |
|---|---:|---:|---|
{rows}

{active}- Data: {report.counts.records} records, {report.counts.rows} rows; sha256 `{report.data_sha256}`
- Steps: {report.steps}, of which the model of step {report.best_step} is this one; {report.seconds:.0f} s
- Licence of the base: {report.licence or "not stated"}; that of the data is for you to check
{notes}
The recipe is in `recipe.toml`, and everything that was measured in `augury_training.json`.

{snippet}"""
