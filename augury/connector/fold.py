"""Folding: SPIKE's score as one dot product the engine can maximise.

SPIKE (https://arxiv.org/abs/2503.23033) scores a passage alpha * cos(q, d) + (1 - alpha) * max_s cos(q, s).
For unit vectors the row r_s = alpha * d + (1 - alpha) * s has q . r_s equal to the term of scenario s, so
the engine's MaxSim over the rows *is* the score: exact, for every passage, in one search.
"""

from __future__ import annotations

import numpy as np

from ..schemas.points import FloatArray

MAX_ALPHA = 0.99
"""Beyond this, float32 rows no longer hold their scenarios well enough to get them back."""


def fold(passage: FloatArray, scenarios: FloatArray, alpha: float) -> FloatArray:
    """``fold(d, s, 0.3)``: the rows to store, ``(scenarios, dim)``; without scenarios the one row d.

    Args:
        passage: the passage's unit vector, ``(dim,)``.
        scenarios: its scenarios' unit vectors, ``(scenarios, dim)``.
    """
    if len(scenarios) == 0:
        return passage[None, :]
    rows = alpha * passage[None, :] + (1 - alpha) * scenarios  # (scenarios, dim)
    return rows.astype(np.float32)


def unfold(passage: FloatArray, rows: FloatArray, alpha: float) -> FloatArray:
    """The scenario vectors that ``fold`` was given, ``(scenarios, dim)``; alpha must be below 1."""
    if alpha >= 1:
        raise ValueError("rows folded with alpha 1 no longer hold their scenarios")
    scenarios = (rows - alpha * passage[None, :]) / (1 - alpha)  # (scenarios, dim)
    lengths = np.linalg.norm(scenarios, axis=1, keepdims=True)
    return np.asarray(scenarios / np.maximum(lengths, np.finfo(np.float32).tiny), dtype=np.float32)


def soft_maximum(similarities: FloatArray, temperature: float) -> float:
    """``soft_maximum(s, 0.05)``: temperature * log(mean(exp(s / temperature))), of ``(scenarios,)``.

    Between the mean and the maximum: several scenarios that fit count for more than one that does.
    """
    top = float(similarities.max())
    return top + temperature * float(np.log(np.mean(np.exp((similarities - top) / temperature))))


def best_scenario(folded: float | FloatArray, dense: float | FloatArray, alpha: float) -> FloatArray:
    """max_s cos(q, s) from the folded and the dense score; scalars or arrays. Alpha must be below 1."""
    return np.asarray((folded - alpha * dense) / (1 - alpha), dtype=np.float32)
