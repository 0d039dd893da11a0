"""What became of a query: a line of the file by which a run that was killed goes on."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from ....errors import TrainingDataError
from ....schemas.data_report import PreferenceReport
from ....schemas.preferences import PreferencePair
from ..growing_file import GrowingFile

SAME = "its samples say the same"
MISSING = "the index has none of its relevant documents"
FAR = "no sample is near enough to the relevant passage and the answer"
NEAR = "its samples' rewards differ by less than the margin"


class Measures(BaseModel):
    """The measure of a query as it is, and of its samples: their mean, best and worst."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    plain: float
    mean: float
    best: float
    worst: float


class Outcome(BaseModel):
    """``Outcome(key="...", pair=...)``; without a pair ``reason`` says why there is none.

    Attributes:
        alike: samples that said the same as another.
        measures: None where nothing was searched.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    key: str
    reason: str = ""
    pair: PreferencePair | None = None
    samples: int = 0
    unusable: int = 0
    alike: int = 0
    measures: Measures | None = None


class OutcomeFile(GrowingFile):
    """``with OutcomeFile(Path("pairs.jsonl"), settings) as file: file.append(outcome)``.

    It lies beside the file of the pairs, as ``FILE.queries.jsonl``; ``FILE.preferences.json`` says what it
    was made with.

    Attributes:
        finished: outcomes by the keys of their queries.
    """

    def __init__(self, output: Path, settings: dict[str, Any]) -> None:
        path = output.with_name(f"{output.name}.queries.jsonl")
        super().__init__(path, self.beside(output), settings, made="made")
        self.finished: dict[str, Outcome] = {}
        try:
            with path.open(encoding="utf-8") as lines:
                for line in lines:
                    outcome = Outcome.model_validate_json(line)
                    self.finished[outcome.key] = outcome
        except (ValidationError, UnicodeDecodeError):
            self._file.close()
            raise TrainingDataError(
                f"{path} was changed by something else", "Delete it to begin anew", source=str(path)
            ) from None

    @staticmethod
    def beside(output: Path) -> Path:
        """The file that says what the pairs were made with."""
        return output.with_name(f"{output.name}.preferences.json")

    def append(self, outcome: Outcome) -> None:
        """One query is finished; it stays so over a kill once this returns."""
        self.append_lines([f"{outcome.model_dump_json(exclude_defaults=True)}\n"])
        self.finished[outcome.key] = outcome


def count(report: PreferenceReport, outcomes: Iterable[Outcome]) -> None:
    """Put what became of the finished queries into the report."""
    finished = list(outcomes)
    pairs = [each.pair for each in finished if each.pair is not None]
    report.pairs = len(pairs)
    for each in finished:
        report.samples += each.samples
        report.unusable += each.unusable
        report.alike += each.alike
        if each.pair is None:
            report.without_pair[each.reason] = report.without_pair.get(each.reason, 0) + 1
    measures = [each.measures for each in finished if each.measures is not None]
    report.plain = _mean(each.plain for each in measures)
    report.expanded = _mean(each.mean for each in measures)
    report.best = _mean(each.best for each in measures)
    report.worst = _mean(each.worst for each in measures)
    report.chosen_reward = _mean(each.chosen_reward for each in pairs)
    report.rejected_reward = _mean(each.rejected_reward for each in pairs)


def _mean(values: Iterable[float]) -> float:
    found = list(values)
    return round(sum(found) / len(found), 4) if found else 0.0
