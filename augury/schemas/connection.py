"""How a Qdrant server is reached."""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, SecretStr


class Connection(BaseModel):
    """``Connection(api_key="...", timeout_s=30)``.

    Args:
        api_key: never printed. It travels over https, or over http to this machine; elsewhere only where
            ``insecure_api_key`` is set.
        ca_cert: a PEM file of the authority that signed the server's certificate, where it is one's own. REST
            is used then, since the gRPC channel takes none.
        timeout_s: how long one request may take.
        grpc_port: where gRPC answers; 0 for REST only. By default 6334 is tried where REST is at 6333.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    api_key: SecretStr | None = None
    ca_cert: Path | None = None
    timeout_s: int = Field(default=60, ge=1)
    grpc_port: int | None = Field(default=None, ge=0, le=65535)
    insecure_api_key: bool = False
