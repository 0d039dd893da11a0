"""What a re-index will do, in sentences."""

from __future__ import annotations

from ...schemas.profile import Profile
from ...schemas.reindex import ReindexPlan, VectorFate

_SAID: dict[VectorFate, str] = {
    "copied": "Copy the vectors {name} as they are.",
    "refolded": "Fold the rows {name} anew from the stored vectors, with alpha {alpha:g}.",
    "re-encoded": "Encode the vectors {name} anew, from the stored texts, with {model}.",
    "new": "Add the vectors {name}, from the stored texts, with {model}.",
    "dropped": "Leave the vectors {name} out.",
}


def steps(plan: ReindexPlan, old: Profile, *, alias: str) -> tuple[str, ...]:
    """``steps(plan, old, alias="")``: a sentence each, in the order in which they are done."""
    new = plan.profile
    made_by = {
        new.names.dense: new.dense.model,
        new.names.scenarios: new.dense.model,
        new.names.sparse: new.sparse.model if new.sparse else "",
        new.names.hypencoder: new.own_hypencoder.model if new.own_hypencoder else "",
    }
    found = [f"Make the alias {alias}, which leads to {plan.old} until the swap."] if alias else []
    named = f" {plan.new}" if plan.new else ""
    going = "Go on with" if plan.resumes else "Make"
    found.append(f"{going} the generation{named} beside {plan.old}, for {plan.passages:,} passages.")
    if old.chunk != new.chunk:
        found.append("Cut the documents anew, from their source; scenarios come from --scenarios or go.")
    for name, fate in plan.vectors.items():
        found.append(_SAID[fate].format(name=name, alpha=new.scenarios.alpha, model=made_by[name]))
    found.append(
        "Go on until what is written meanwhile is in both, then compare counts, vectors and searches."
    )
    found.append(f"Have {plan.index} lead to the new generation; {plan.old} stays until --drop-old.")
    return tuple(found)
