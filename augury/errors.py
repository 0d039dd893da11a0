"""Every error Augury raises on purpose.

Catch ``AuguryError`` to catch them all. Each one says what happened and what to do next, and carries
the ids and values it speaks of as attributes::

    AuguryError
    ├── UsageError              a call or an option that contradicts itself
    ├── InputError              something the user handed in cannot be used
    │   ├── SourceError         a source that cannot be opened or is of no known kind
    │   ├── DocumentError       one document; the others go on
    │   ├── ScenarioFileError   a line of a scenario file
    │   ├── TrainingDataError   a record of a training file
    │   ├── FilterError         a filter or a --where clause
    │   └── QueryError          a query, or a plan the index cannot answer
    ├── ModelError
    │   ├── ModelNotFound       no folder, cache entry or hub has it
    │   ├── ModelFetchError     found, but could not be fetched or verified
    │   ├── ModelOutputError    a model gave NaN, infinities or the wrong shape
    │   ├── ModelMismatch       the index was made with other models
    │   ├── EndpointError       an LLM server that cannot be used: address, key or model
    │   └── GenerationError     one request to an LLM failed; the others go on
    ├── StoreError
    │   ├── IndexNotFound       nothing there, or not an index
    │   ├── IndexLocked         another process holds it
    │   ├── IndexFull           no room left on the disk
    │   ├── IndexUnfinished     a refold or the swap of a re-index was interrupted
    │   ├── IndexMoved          a re-index swapped in a new generation meanwhile
    │   ├── PointRejected       the engine, or the checks before it, refused some points
    │   ├── StoreTimeout        too slow or too large a request; smaller batches may pass
    │   ├── StoreUnavailable    the server does not answer
    │   └── Unsupported         this engine or this server version cannot do it
    └── MissingDependency       an optional package is not installed
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any


class AuguryError(Exception):
    """``raise AuguryError("what happened", "what to do next")``.

    Args:
        what: what happened, a sentence without its full stop.
        fix: the next step, a sentence without its full stop.

    Attributes:
        report: how far a long run had come, where it was a long run that ended.
    """

    report: Any = None

    def __init__(self, what: str, fix: str) -> None:
        self.what = what.rstrip(". ")
        self.fix = fix.rstrip(". ")
        super().__init__(f"{self.what}. {self.fix}.")


class UsageError(AuguryError):
    """A call or an option that contradicts itself. The CLI exits with 2."""


class InputError(AuguryError):
    """Something the user handed in cannot be used."""


class SourceError(InputError):
    """A source that cannot be opened or is of no known kind."""


class DocumentError(InputError):
    """One document cannot be ingested; the others go on.

    Attributes:
        doc_id: its id, where one is known.
        source: where it came from, as ``file`` or ``file:line``.
    """

    def __init__(self, what: str, fix: str, *, doc_id: str | None = None, source: str = "") -> None:
        super().__init__(what, fix)
        self.doc_id = doc_id
        self.source = source


class ScenarioFileError(InputError):
    """A line of a scenario file cannot be read."""


class TrainingDataError(InputError):
    """A record of a training file cannot be used.

    Attributes:
        source: where it is, as ``file:line``.
    """

    def __init__(self, what: str, fix: str, *, source: str = "") -> None:
        super().__init__(what, fix)
        self.source = source


class FilterError(InputError):
    """A filter or a ``--where`` clause cannot be understood."""


class QueryError(InputError):
    """A query cannot be answered as asked."""


class ModelError(AuguryError):
    """Something is wrong with a model."""


class ModelNotFound(ModelError):
    """No local folder, cache entry or hub has the model."""


class ModelFetchError(ModelError):
    """A model was found but could not be fetched, or its checksum is wrong."""


class ModelOutputError(ModelError):
    """A model gave NaN, infinities or vectors of the wrong shape.

    Attributes:
        positions: positions of the texts in the batch whose output is unusable.
    """

    def __init__(self, what: str, fix: str, *, positions: Sequence[int] = ()) -> None:
        super().__init__(what, fix)
        self.positions = tuple(positions)


class ModelMismatch(ModelError):
    """The index was made with other models than the ones asked for."""


class EndpointError(ModelError):
    """An LLM server cannot be used: nothing answers, the key or the model is refused, or it is no LLM."""


class GenerationError(ModelError):
    """One request to an LLM failed, or its answer is of no use; the others go on.

    Attributes:
        lasting: the endpoint failed, not this one request; several in a row mean that it is away.
        too_long: the text does not fit the model's context.
    """

    def __init__(self, what: str, fix: str, *, lasting: bool = False, too_long: bool = False) -> None:
        super().__init__(what, fix)
        self.lasting = lasting
        self.too_long = too_long


class StoreError(AuguryError):
    """The vector database refused or failed."""


class IndexNotFound(StoreError):
    """There is no index at this place, or what is there is not one."""


class IndexLocked(StoreError):
    """Another process holds the embedded index."""


class IndexFull(StoreError):
    """The disk that holds the index has no room left."""


class IndexUnfinished(StoreError):
    """A refold was interrupted, so stored scores would be mixed; or the swap of a re-index was."""


class IndexMoved(StoreError):
    """A re-index swapped in a new generation meanwhile; what was written last may be in the old one alone."""


class PointRejected(StoreError):
    """The engine, or the checks before it, refused some points.

    Attributes:
        ids: the ids of the refused points, where they are known.
    """

    def __init__(self, what: str, fix: str, *, ids: Sequence[str | int] = ()) -> None:
        super().__init__(what, fix)
        self.ids = tuple(ids)


class StoreTimeout(StoreError):
    """The request took too long or was too large; a smaller one may pass."""


class StoreUnavailable(StoreError):
    """The server does not answer."""


class Unsupported(StoreError):
    """This engine, or this version of the server, cannot do what was asked."""


class MissingDependency(AuguryError):
    """An optional package is not installed.

    Args:
        what: said instead of ``package is not installed``, where more than that may be wrong.
    """

    def __init__(self, package: str, extra: str, *, what: str = "") -> None:
        super().__init__(
            what or f"{package} is not installed",
            f"Run: pip install 'augury[{extra}]' (or pip install {package})",
        )


def first_line(error: BaseException) -> str:
    """What a library's error says, in a line without its full stop; its kind where it says nothing."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0].rstrip(".")
