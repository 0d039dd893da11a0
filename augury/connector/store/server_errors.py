"""Failures of qdrant-client, translated in one place. Messages name host and collection, never a key."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

import httpx
from qdrant_client.common.client_exceptions import ResourceExhaustedResponse
from qdrant_client.http.exceptions import ResponseHandlingException, UnexpectedResponse

from ...errors import (
    AuguryError,
    FilterError,
    IndexNotFound,
    StoreError,
    StoreTimeout,
    StoreUnavailable,
    Unsupported,
)

_TOO_LARGE = 413
_NOT_FOUND = 404
_TIMEOUTS = (408, 504)
_DENIED = (401, 403)
_BUSY = (429, 502, 503)
_REASON_LENGTH = 300
_NO_INDEX = re.compile(
    r'Index required but not found for "?([^"\s]+)"? of one of the following types: \[(\w+)'
)
"""What a server in strict mode says of a filter."""


@contextmanager
def translated(where: str, doing: str = "to answer", what: str = "a request") -> Iterator[None]:
    """Turn whatever the client raises into the errors of ``augury.errors``; ``where`` was asked.

    Args:
        doing: what it had to do with ``what``: ``to take`` or ``to answer``.
        what: such as ``256 points of 5.2 MiB`` or ``3 searches``.
    """
    try:
        yield
    except AuguryError:
        raise
    except Exception as error:
        raise _translate(error, where, _Asked(doing, what)) from error


class _Asked(NamedTuple):
    doing: str
    what: str

    def timeout(self, where: str) -> StoreTimeout:
        """It was not done in time."""
        return StoreTimeout(f"{where} took too long {self.doing} {self.what}", self._less_or_longer)

    def too_large(self, where: str) -> StoreTimeout:
        """It was refused for its size."""
        return StoreTimeout(f"{where} refused {self.what} as too large", self._less_or_longer)

    @property
    def _less_or_longer(self) -> str:
        less = "Write fewer points at once" if self.doing == "to take" else "Ask for less at once"
        return f"{less}, see what else the server does, or give it longer: --timeout (in Python timeout_s)"


def _translate(error: Exception, where: str, asked: _Asked) -> AuguryError:
    if isinstance(error, ResponseHandlingException):
        return _transport(error.source, where, asked)
    if isinstance(error, UnexpectedResponse):
        return _response(error, where, asked)
    if isinstance(error, ResourceExhaustedResponse):
        return StoreUnavailable(
            f"{where} limits the rate of requests", f"Wait {error.retry_after_s} s, then try again"
        )
    code = getattr(error, "code", None)  # of grpc.RpcError, without importing grpc
    if callable(code) and getattr(code(), "name", None):
        return _grpc(code().name, str(getattr(error, "details", lambda: "")()), where, asked)
    if isinstance(error, ValueError) and re.match(r"Collection .* not found", str(error)):
        return no_collection(where)
    if isinstance(error, NotImplementedError):
        return Unsupported(f"{where} cannot do this: {error}", "Use a Qdrant server or an embedded index")
    return StoreError(
        f"{where} refused the request: {_short(str(error))}", "Correct the request and try again"
    )


def _transport(error: object, where: str, asked: _Asked) -> StoreError:
    if isinstance(error, httpx.ConnectError) and (fix := _tls(str(error))):
        return StoreError(f"There is no safe connection to {where}: {_short(str(error))}", fix)
    if isinstance(error, httpx.ConnectError | httpx.ConnectTimeout):
        return StoreUnavailable(
            f"{where} does not answer: {_short(str(error))}",
            "Check that Qdrant is running there and can be reached",
        )
    if isinstance(error, httpx.TimeoutException):
        return asked.timeout(where)
    if isinstance(error, httpx.TransportError):
        return StoreUnavailable(f"The connection to {where} broke: {_short(str(error))}", "Try again")
    return StoreError(
        f"{where} answered what is no answer of Qdrant: {_short(str(error))}", "Check the URL and the port"
    )


def _tls(reason: str) -> str:
    """What to do about a TLS handshake that failed; empty where none did."""
    if "CERTIFICATE_VERIFY_FAILED" in reason:
        return "Name the certificate of your own authority with --ca-cert FILE (ca_cert in Python)"
    return "The server may speak no TLS: write http://" if "[SSL" in reason else ""


def _response(error: UnexpectedResponse, where: str, asked: _Asked) -> AuguryError:
    status, reason = error.status_code, _reason(error)
    if unindexed := _NO_INDEX.search(reason):
        return _no_index(unindexed, where)
    if status == _TOO_LARGE:
        return asked.too_large(where)
    if status in _TIMEOUTS:
        return asked.timeout(where)
    if status in _DENIED:
        return _denied(where)
    if status in _BUSY:
        return StoreUnavailable(f"{where} is busy or starting ({status})", "Wait a little, then try again")
    if status == _NOT_FOUND and "ollection" in reason:
        return no_collection(where)
    return StoreError(
        f"{where} refused the request ({status}): {reason}", "Correct the request and try again"
    )


def _grpc(code: str, details: str, where: str, asked: _Asked) -> AuguryError:
    if unindexed := _NO_INDEX.search(details):
        return _no_index(unindexed, where)
    if code == "UNAVAILABLE":
        return StoreUnavailable(
            f"{where} does not answer: {_short(details)}",
            "Check that Qdrant is running there and can be reached",
        )
    if code in ("DEADLINE_EXCEEDED", "CANCELLED"):
        return asked.timeout(where)
    if code == "RESOURCE_EXHAUSTED":
        return asked.too_large(where)
    if code in ("UNAUTHENTICATED", "PERMISSION_DENIED"):
        return _denied(where)
    if code == "NOT_FOUND" and "ollection" in details:
        return no_collection(where)
    return StoreError(
        f"{where} refused the request ({code}): {_short(details)}", "Correct the request and try again"
    )


def _no_index(refused: re.Match[str], where: str) -> FilterError:
    field, kind = refused[1], refused[2]
    return FilterError(
        f"{where} filters only by indexed fields, and {field} has no payload index",
        f"Add one: augury filter-field INDEX {field.removeprefix('metadata.')}:{kind}",
    )


def _denied(where: str) -> StoreError:
    return StoreError(f"{where} denied access", "Check the API key in QDRANT_API_KEY and what it may do")


def no_collection(where: str) -> IndexNotFound:
    """The error where the collection is not there."""
    return IndexNotFound(f"There is no {where}", "Check the name, or ingest something to make the collection")


def _reason(error: UnexpectedResponse) -> str:
    try:
        return _short(str(json.loads(error.content)["status"]["error"]))
    except (ValueError, KeyError, TypeError):
        return _short(error.reason_phrase)


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _REASON_LENGTH else line[: _REASON_LENGTH - 4] + " ..."
