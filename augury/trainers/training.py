"""What every trainer does around its own fitting: prepare, fit, save, judge, and write down what was done."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable
from dataclasses import asdict
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, Protocol, TypeVar

from safetensors import SafetensorError

from .._version import __version__
from ..evaluation.measure import parsed
from ..models.backbone import no_progress_bars
from ..schemas.profile import Profile
from ..schemas.training_report import REPORT_FILE, ActiveTerms, TrainedKind, TrainingCounts, TrainingReport
from .bases import licence_of
from .card import model_card
from .config import RunConfig, TrainingConfig, to_toml
from .fitting import Fitted, is_main, require_training
from .gate import Judged, Progress, Verdict, gains, judge, measure_model
from .prepared import Prepared
from .workplace import FREE, Workplace, no_room, write_whole

RECIPE_FILE = "recipe.toml"
"""The config, in the model's folder: ``--config`` reads it."""


class Read(Protocol):
    """The data of a run, as its report tells of it."""

    @property
    def sha256(self) -> str:
        """Over everything that was read."""
        ...

    @property
    def notes(self) -> tuple[str, ...]:
        """What may not be as it was meant."""
        ...

    @property
    def counts(self) -> TrainingCounts:
        """How much there is of it."""
        ...

    @property
    def dev_name(self) -> str:
        """What the model is judged by."""
        ...


Data = TypeVar("Data", bound=Read)
Compare = Callable[[Data, Workplace, Progress], Judged]
"""Measures the base and the model in ``place.model`` on what was held out."""


class Trained(Protocol[Data]):
    """How one kind of model is made."""

    kind: TrainedKind

    def prepare(self) -> Data:
        """Read the data."""
        ...

    def revision(self) -> str:
        """Of the base."""
        ...

    def fit(self, prepared: Data, place: Workplace, progress: Progress) -> Fitted:
        """Train, and leave the best model in ``place.model``, by ``save_model``."""
        ...


class Retriever(Trained[Prepared], Protocol):
    """How a retrieval model is made, which is judged through an index."""

    def profiles(self, place: Workplace) -> tuple[Profile, Profile]:
        """Those of the indexes that are compared: of the base, and of the model in ``place.model``."""
        ...

    @property
    def max_active(self) -> int | None:
        """Most terms that a sparse model's documents may have on average."""
        ...


def quiet(stage: str, done: int, total: int) -> None:
    """A progress that tells nothing."""


def train(config: TrainingConfig, trained: Retriever, progress: Progress) -> TrainingReport | None:
    """A retrieval model, from the data to its folder. See ``train_dense``."""
    parsed([config.measure])
    return run_training(config, trained, progress, partial(_by_retrieval, config, trained))


def run_training(
    config: RunConfig, trained: Trained[Data], progress: Progress, compare: Compare[Data]
) -> TrainingReport | None:
    """Everything from the data to a judged model in its folder."""
    require_training()
    prepared = trained.prepare()
    choices = config.model_dump(mode="json")
    key: dict[str, Any] = {name: value for name, value in choices.items() if name not in FREE}
    key |= {"data_sha256": prepared.sha256, "base_revision": trained.revision()}
    place = Workplace(config.folder)
    if not is_main():
        if place.finished(key) or place.is_fitted():
            return None  # nothing is left that takes all processes
        with no_progress_bars():
            trained.fit(prepared, place, quiet)
        return None
    if found := place.finished(key):
        return found
    with place.entered(key), no_progress_bars():
        fitted, seconds = _fitted(trained, prepared, place, progress)
        judged = compare(prepared, place, progress)
        report = _report(config, trained.kind, prepared, key, fitted, seconds, judged)
        write_whole(place.model / RECIPE_FILE, to_toml(config))
        write_whole(place.model / "README.md", model_card(report))
        write_whole(place.model / REPORT_FILE, report.model_dump_json(indent=1))
        place.finish(keep=config.keep_checkpoints)
    return report


def save_model(write: Callable[[Path], None], folder: Path) -> None:
    """The model whole in its folder, or not at all: ``write`` fills a folder beside it.

    Raises ``ModelError`` where the disk does not hold it.
    """
    if not is_main():
        return
    beside = folder.with_name(f"{folder.name}.part")
    shutil.rmtree(beside, ignore_errors=True)
    shutil.rmtree(folder, ignore_errors=True)
    try:
        write(beside)
        beside.rename(folder)
    except (OSError, RuntimeError, SafetensorError) as error:
        shutil.rmtree(beside, ignore_errors=True)
        raise no_room(folder, error) from error


def pretrained(model: Any) -> Callable[[Path], None]:
    """How a model of sentence-transformers is written: safetensors and what goes with them."""
    return lambda folder: model.save_pretrained(str(folder), create_model_card=False)


def _fitted(
    trained: Trained[Data], prepared: Data, place: Workplace, progress: Progress
) -> tuple[Fitted, float]:
    """Train, unless that was done before the run was broken off."""
    if place.is_fitted():
        told = json.loads(place.fitted.read_text(encoding="utf-8"))
        return Fitted(**told["fitted"]), told["seconds"]
    started = time.monotonic()
    fitted = trained.fit(prepared, place, progress)
    seconds = round(time.monotonic() - started, 1)
    write_whole(place.fitted, json.dumps({"fitted": asdict(fitted), "seconds": seconds}))
    return fitted, seconds


def _by_retrieval(
    config: TrainingConfig, trained: Retriever, prepared: Prepared, place: Workplace, progress: Progress
) -> Judged:
    """Both put to the held-out queries, through an index: one where they store the same vectors."""
    profiles = trained.profiles(place)
    one = len({profile.fingerprint("", "", "") for profile in profiles}) == 1
    before, after = (
        measure_model(
            profile,
            prepared.dev,
            place.work / ("index" if one else f"index-{label}"),
            config.measure,
            progress,
            label,
        )
        for profile, label in zip(profiles, ("before", "after"), strict=True)
    )
    found = gains(before.evaluation, after.evaluation)
    verdict = judge(
        found, config.measure, tolerance=config.tolerance, active=after.active, max_active=trained.max_active
    )
    active: dict[Any, ActiveTerms] = {
        name: measured.active
        for name, measured in (("before", before), ("after", after))
        if measured.active is not None
    }
    return Judged(found, verdict, active)


def _report(
    config: RunConfig,
    kind: TrainedKind,
    prepared: Read,
    key: dict[str, Any],
    fitted: Fitted,
    seconds: float,
    judged: Judged,
) -> TrainingReport:
    verdict = judged.verdict
    if not verdict.accepted and config.allow_worse:
        verdict = Verdict(True, f"Let pass by allow_worse. {verdict.sentence}")
    return TrainingReport(
        model=str(config.folder),
        kind=kind,
        base=config.base,
        base_revision=key["base_revision"],
        accepted=verdict.accepted,
        verdict=verdict.sentence,
        dev=prepared.dev_name,
        measures=judged.gains,
        active_terms=judged.active,
        data=config.data,
        data_sha256=prepared.sha256,
        counts=prepared.counts,
        steps=fitted.steps,
        best_step=fitted.best_step,
        curve=fitted.curve,
        seconds=seconds,
        licence=config.licence or licence_of(config.base),
        config=config.model_dump(mode="json"),
        notes=prepared.notes,
        checks=(*fitted.checks, *judged.checks),
        augury_version=__version__,
        date=datetime.now(UTC),
    )
