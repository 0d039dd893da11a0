"""One attach or re-index at a time: a note with the collection that its holder renews, and that runs out."""

from __future__ import annotations

import os
import socket
import threading
import time
import uuid
from contextlib import suppress
from types import TracebackType
from typing import Any, Protocol, Self

from ..errors import AuguryError, IndexLocked, IndexNotFound

_KEY = "augury_lease"
_LASTS_S = 60.0
_RENEWED_S = 15.0


class Notes(Protocol):
    """What keeps notes: a store, or a collection that an app uses."""

    def note(self, key: str) -> Any:
        """The note, or None."""
        ...

    def set_note(self, key: str, value: Any) -> None:
        """Keep a JSON value; None forgets it."""
        ...


def held_by(notes: Notes) -> dict[str, Any] | None:
    """The note of whoever works on it now, or None."""
    note = notes.note(_KEY)
    if not isinstance(note, dict) or float(note.get("until", 0)) < time.time():
        return None
    mine = note.get("host") == socket.gethostname()
    return note if not mine or _alive(int(note.get("process", 0))) else None


class Lease:
    """``with Lease(live, "kb", "attach") as lease: ... lease.check()``.

    A holder that died frees it when it runs out, or at once where it ran on this machine. Two that come
    within one round trip may both get it; the one whose note was overwritten ends at its next ``check``.

    Raises ``IndexLocked`` where another holds it.
    """

    def __init__(self, live: Notes, where: str, what: str) -> None:
        self._live = live
        self._where = where
        self._note = {
            "id": uuid.uuid4().hex,
            "what": what,
            "host": socket.gethostname(),
            "process": os.getpid(),
        }
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._renew, daemon=True, name="augury-lease")

    def __enter__(self) -> Self:
        if held := held_by(self._live):
            self._refuse(held)
        self._write()
        self.check()
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._ended.set()
        self._thread.join()
        with suppress(IndexNotFound):  # a copy that was dropped
            held = self._live.note(_KEY)
            if isinstance(held, dict) and held.get("id") == self._note["id"]:
                self._live.set_note(_KEY, None)

    def check(self) -> None:
        """Raise ``IndexLocked`` if another has taken it over."""
        held = self._live.note(_KEY)
        if isinstance(held, dict) and held.get("id") != self._note["id"]:
            self._refuse(held)

    def _write(self) -> None:
        self._live.set_note(_KEY, {**self._note, "until": time.time() + _LASTS_S})

    def _renew(self) -> None:
        while not self._ended.wait(_RENEWED_S):
            try:
                held = self._live.note(_KEY)
                if isinstance(held, dict) and held.get("id") != self._note["id"]:
                    return
                self._write()
            except AuguryError:
                continue  # a server that is away for a moment; the work itself reports what lasts

    def _refuse(self, note: dict[str, Any]) -> None:
        raise IndexLocked(
            f"Another {note.get('what', 'run')} works on {self._where} (process {note.get('process')} on "
            f"{note.get('host')})",
            f"Wait until it has ended; if it was killed, it is let go after {_LASTS_S:.0f} s",
        )


def _alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except (OSError, OverflowError):
        return True
    return True
