"""Where a run works: checkpoints and what else it needs lie beside the model's folder until that is whole.

``my-model.training/`` holds the config, checkpoints, the model before it is judged and the indexes it is
judged by. ``my-model/`` appears by one rename at the end, with its card and report. So a run that was
killed goes on when the same command is given again, and a folder that is there is a model that was judged.
"""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from ..errors import ModelError, UsageError, first_line
from ..schemas.training_report import REPORT_FILE, TrainingReport

STATE = "trainer_state.json"
"""What the Trainer writes last into a checkpoint."""
_CHECKPOINT = re.compile(r"checkpoint-(\d+)")
FREE = ("to", "device", "keep_checkpoints", "tensorboard", "allow_worse", "tolerance")
"""Choices that may differ when a run goes on: they change no step."""


class Workplace:
    """``with Workplace(Path("my-model")).entered(key) as place: ...``."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.work = folder.with_name(f"{folder.name}.training")
        self.checkpoints = self.work / "checkpoints"
        self.model = self.work / "model"
        self.fitted = self.work / "fitted.json"

    def is_fitted(self) -> bool:
        """Whether training is done, and only judging is left."""
        return self.fitted.is_file() and self.model.is_dir()

    def finished(self, key: dict[str, Any]) -> TrainingReport | None:
        """The report, if this very run has ended before.

        Raises ``UsageError`` where the folder holds anything else.
        """
        report = self.folder / REPORT_FILE
        if report.is_file():
            found = TrainingReport.model_validate_json(report.read_text(encoding="utf-8"))
            made = {name: value for name, value in found.config.items() if name not in FREE}
            if {**made, "data_sha256": found.data_sha256, "base_revision": found.base_revision} == key:
                return found
        if self.folder.exists() and (not self.folder.is_dir() or any(self.folder.iterdir())):
            raise UsageError(f"{self.folder} is there already", "Name another folder with --to, or delete it")
        return None

    @contextmanager
    def entered(self, key: dict[str, Any]) -> Iterator[None]:
        """The place is ours alone, and what lies there is of this run.

        Raises ``UsageError`` where another process works there, or the run that was broken off is another.
        """
        try:
            self.work.mkdir(parents=True, exist_ok=True)
            lock = FileLock(self.work / ".lock", timeout=0)
            lock.acquire()
        except Timeout:
            raise UsageError(
                f"Another process trains into {self.folder}", "Wait for it, or name another folder with --to"
            ) from None
        except OSError as error:
            raise UsageError(
                f"{self.work} cannot be written ({error.strerror})", "Name another folder"
            ) from error
        try:
            self._check(key)
            yield
        finally:
            lock.release()

    def _check(self, key: dict[str, Any]) -> None:
        file = self.work / "run.json"
        if file.is_file():
            before = json.loads(file.read_text(encoding="utf-8"))
            changed = [name for name in key if before.get(name) != key[name]]
            if changed:
                raise UsageError(
                    f"{self.work} holds a run that was broken off and that differs in {', '.join(changed)}",
                    "Give the same command as then, or delete that folder to begin anew",
                )
        else:
            write_whole(file, json.dumps(key, indent=1, sort_keys=True))

    def last_checkpoint(self) -> Path | None:
        """The newest whole one. Those that were broken off while they were written are deleted."""
        whole = []
        for path in self.checkpoints.glob("checkpoint-*"):
            number = _CHECKPOINT.fullmatch(path.name)
            try:
                json.loads((path / STATE).read_text(encoding="utf-8"))
            except (OSError, ValueError):
                shutil.rmtree(path, ignore_errors=True)
                continue
            if number:
                whole.append((int(number[1]), path))
        return max(whole)[1] if whole else None

    def finish(self, *, keep: bool) -> None:
        """Let the model appear in its place, and clear up."""
        if self.folder.exists():
            self.folder.rmdir()  # empty, or finished() would have refused it
        self.model.rename(self.folder)
        for path in self.work.iterdir():
            if path.is_dir() and (not keep or path != self.checkpoints):
                shutil.rmtree(path, ignore_errors=True)
        if not keep:
            shutil.rmtree(self.work, ignore_errors=True)


def write_whole(path: Path, text: str) -> None:
    """A file that is there whole or not at all."""
    beside = path.with_name(f".{path.name}")
    beside.write_text(text, encoding="utf-8")
    beside.replace(path)


def no_room(path: Path, error: BaseException) -> ModelError:
    """What to say where a checkpoint or a model could not be written."""
    reason = first_line(error)
    return ModelError(
        f"{path} could not be written: {reason}",
        "Make room on the disk and give the same command again; it goes on from the last whole checkpoint",
    )
