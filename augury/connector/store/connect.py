"""``connect("http://localhost:6333", Connection())``: a client for a Qdrant server, by gRPC where it answers.

An API key is what stands between a collection and everybody else, so it goes only where nobody can read it on
the way: over TLS, or to this machine.
"""

from __future__ import annotations

import ipaddress
import ssl
import warnings
from typing import Any
from urllib.parse import SplitResult, urlsplit

import grpc
from qdrant_client import QdrantClient
from qdrant_client import grpc as messages

from ...errors import UsageError
from ...schemas.connection import Connection

_REST_PORT = 6333
_GRPC_PORT = 6334
_PROBE_S = 1.0


def connect(url: str, connection: Connection) -> QdrantClient:
    """The client; nothing is asked of the server but whether gRPC answers.

    Raises:
        UsageError: a key that no header can carry, or that would travel unencrypted to another machine; a
            certificate file that cannot be used.
    """
    place = urlsplit(url)
    host = place.hostname or ""
    port = place.port or _REST_PORT
    key = _usable_key(connection, place)
    options: dict[str, Any] = {"trust_env": False} if is_loopback(host) else {}
    roots = _roots(connection)
    if roots:
        options["verify"] = ssl.create_default_context(cadata=roots.decode("ascii", "replace"))
    grpc_port = _grpc_port(connection, port)
    prefer_grpc = grpc_port > 0 and _grpc_answers(host, grpc_port, tls=place.scheme == "https", roots=roots)
    with warnings.catch_warnings(
        action="ignore", category=UserWarning
    ):  # it warns of http, which was weighed
        return QdrantClient(
            url=url,
            port=port,
            grpc_port=grpc_port or _GRPC_PORT,
            prefer_grpc=prefer_grpc,
            grpc_options={"root_certificates": roots} if roots else None,
            api_key=key,
            timeout=connection.timeout_s,
            check_compatibility=False,
            **options,
        )


def is_loopback(host: str) -> bool:
    """Whether what is sent there stays on this machine."""
    if host.rstrip(".").lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _usable_key(connection: Connection, place: SplitResult) -> str | None:
    key = connection.api_key.get_secret_value().strip() if connection.api_key else ""
    if not key:
        return None
    if not (key.isascii() and key.isprintable()):
        raise UsageError(
            "The API key holds characters that no request can carry",
            "Copy the key again, without line breaks",
        )
    safe = place.scheme == "https" or is_loopback(place.hostname or "")
    if not safe and not connection.insecure_api_key:
        raise UsageError(
            f"The API key would travel unencrypted to {place.hostname}, for anybody on the way to read",
            f"Use https://{place.netloc}, unset QDRANT_API_KEY, or where the network is your own: "
            "--insecure-api-key (in Python: Connection(insecure_api_key=True))",
        )
    return key


def _roots(connection: Connection) -> bytes | None:
    if connection.ca_cert is None:
        return None
    try:
        roots = connection.ca_cert.read_bytes()
        ssl.create_default_context(cadata=roots.decode("ascii"))
    except (OSError, ValueError) as error:  # an SSLError is an OSError
        reason = getattr(error, "strerror", None) or error
        raise UsageError(
            f"{connection.ca_cert} cannot be used as a certificate ({reason})",
            "Name a PEM file of the authority that signed the server's certificate",
        ) from error
    return roots


def _grpc_port(connection: Connection, rest_port: int) -> int:
    """Where gRPC may be: only beside the usual port is the usual one sure to be the same server's."""
    if connection.grpc_port is not None:
        return connection.grpc_port
    return _GRPC_PORT if rest_port == _REST_PORT else 0


def _grpc_answers(host: str, port: int, *, tls: bool, roots: bytes | None) -> bool:
    """Whether a Qdrant answers there; asked without the key."""
    place = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    options = [("grpc.enable_http_proxy", 0)] if is_loopback(host) else []
    channel = (
        grpc.secure_channel(place, grpc.ssl_channel_credentials(root_certificates=roots), options)
        if tls
        else grpc.insecure_channel(place, options)
    )
    with channel:
        try:
            stub = messages.QdrantStub(channel)  # type: ignore[no-untyped-call]
            found = stub.HealthCheck(messages.HealthCheckRequest(), timeout=_PROBE_S)
        except grpc.RpcError:
            return False
        return "qdrant" in str(found.title)
