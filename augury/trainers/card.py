"""The card of a trained model, README.md in its folder: ``model_card(report)``."""

from __future__ import annotations

import json

from ..schemas.training_report import TrainingReport

_TAGS = {"dense": "sentence-similarity", "sparse": "feature-extraction", "hypencoder": "text-ranking"}
_LIBRARIES = {
    "dense": "sentence-transformers",
    "sparse": "sentence-transformers",
    "hypencoder": "augury",
}
_LOADS = {
    "dense": "from sentence_transformers import SentenceTransformer\n\nmodel = SentenceTransformer({name})",
    "sparse": "from sentence_transformers import SparseEncoder\n\nmodel = SparseEncoder({name})",
    "hypencoder": "from augury.models.hypencoder import load_hypencoder\n\nmodel = load_hypencoder({name})",
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
    notes = "".join(f"- {note}\n" for note in report.notes)
    return f"""---
license: {json.dumps(report.licence or "unknown")}
base_model: {json.dumps(report.base)}
library_name: {_LIBRARIES[report.kind]}
pipeline_tag: {_TAGS[report.kind]}
---

# {name}

A {report.kind} retrieval model, trained from `{report.base}` (revision {report.base_revision[:12]}) with
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

```python
{_LOADS[report.kind].format(name=json.dumps(name))}
```
"""
