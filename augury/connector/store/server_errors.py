"""Failures of qdrant-client, translated in one place. Messages name host and collection, never a key."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager

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
def translated(where: str) -> Iterator[None]:
    """Turn whatever the client raises into the errors of ``augury.errors``; ``where`` was asked."""
    try:
        yield
    except AuguryError:
        raise
    except Exception as error:
        raise _translate(error, where) from error


def _translate(error: Exception, where: str) -> AuguryError:
    if isinstance(error, ResponseHandlingException):
        return _transport(error.source, where)
    if isinstance(error, UnexpectedResponse):
        return _response(error, where)
    if isinstance(error, ResourceExhaustedResponse):
        return StoreUnavailable(
            f"{where} limits the rate of requests", f"Wait {error.retry_after_s} s, then try again"
        )
    code = getattr(error, "code", None)  # of grpc.RpcError, without importing grpc
    if callable(code) and getattr(code(), "name", None):
        return _grpc(code().name, str(getattr(error, "details", lambda: "")()), where)
    if isinstance(error, ValueError) and re.match(r"Collection .* not found", str(error)):
        return no_collection(where)
    if isinstance(error, NotImplementedError):
        return Unsupported(f"{where} cannot do this: {error}", "Use a Qdrant server or an embedded index")
    return StoreError(
        f"{where} refused the request: {_short(str(error))}", "Correct the request and try again"
    )


def _transport(error: object, where: str) -> StoreError:
    if isinstance(error, httpx.ConnectError | httpx.ConnectTimeout):
        return StoreUnavailable(
            f"{where} does not answer: {_short(str(error))}",
            "Check that Qdrant is running there and can be reached",
        )
    if isinstance(error, httpx.TimeoutException):
        return StoreTimeout(
            f"{where} took too long", "Send smaller batches, or give the store a longer timeout_s"
        )
    if isinstance(error, httpx.TransportError):
        return StoreUnavailable(f"The connection to {where} broke: {_short(str(error))}", "Try again")
    return StoreError(
        f"{where} answered what is no answer of Qdrant: {_short(str(error))}", "Check the URL and the port"
    )


def _response(error: UnexpectedResponse, where: str) -> AuguryError:
    status, reason = error.status_code, _reason(error)
    if unindexed := _NO_INDEX.search(reason):
        return _no_index(unindexed, where)
    if status == _TOO_LARGE:
        return StoreTimeout(f"{where} refused a request as too large", "Send smaller batches")
    if status in _TIMEOUTS:
        return StoreTimeout(
            f"{where} took too long", "Send smaller batches, or give the store a longer timeout_s"
        )
    if status in _DENIED:
        return StoreError(f"{where} denied access", "Check the API key and what it may do")
    if status in _BUSY:
        return StoreUnavailable(f"{where} is busy or starting ({status})", "Wait a little, then try again")
    if status == _NOT_FOUND and "ollection" in reason:
        return no_collection(where)
    return StoreError(
        f"{where} refused the request ({status}): {reason}", "Correct the request and try again"
    )


def _grpc(code: str, details: str, where: str) -> AuguryError:
    if unindexed := _NO_INDEX.search(details):
        return _no_index(unindexed, where)
    if code == "UNAVAILABLE":
        return StoreUnavailable(
            f"{where} does not answer: {_short(details)}",
            "Check that Qdrant is running there and can be reached",
        )
    if code in ("DEADLINE_EXCEEDED", "RESOURCE_EXHAUSTED", "CANCELLED"):
        return StoreTimeout(
            f"{where} took too long or was sent too much", "Send smaller batches, or give a longer timeout_s"
        )
    if code in ("UNAUTHENTICATED", "PERMISSION_DENIED"):
        return StoreError(f"{where} denied access", "Check the API key and what it may do")
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
