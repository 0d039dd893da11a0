"""A real Qdrant server for tests: one that is named, or one that Docker starts."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import dataclass

from pydantic import SecretStr

from augury.schemas.connection import Connection

DOCKER_KEY = "the-key-of-the-tests"
NONE_HERE = "no Qdrant server: set AUGURY_TEST_QDRANT_URL, or start Docker"


@dataclass(frozen=True)
class RealQdrant:
    """Where it is, and how it is reached. ``grpc_port`` None is the usual one."""

    url: str
    key: str | None
    grpc_port: int | None

    def connection(self, *, grpc: bool = True) -> Connection:
        """By gRPC where it answers, or by REST only."""
        key = SecretStr(self.key) if self.key else None
        return Connection(api_key=key, grpc_port=self.grpc_port if grpc else 0)


def docker_answers() -> bool:
    """Whether containers can be started here."""
    if shutil.which("docker") is None:
        return False
    for command in (["docker", "info"], ["docker", "compose", "version"]):
        try:
            if subprocess.run(command, capture_output=True, timeout=30).returncode != 0:
                return False
        except (OSError, subprocess.TimeoutExpired):
            return False
    return True
