"""Where and in which precision a model runs: ``pick_device()``, ``pick_dtype("cpu")``."""

from __future__ import annotations

import os
from typing import Literal, get_args

import torch

from ..errors import UsageError

DtypeName = Literal["float32", "bfloat16"]


def pick_device(wanted: str | None = None) -> str:
    """``pick_device()``: ``cuda`` or ``mps`` where there is one, else ``cpu``; or the wanted one.

    Raises:
        UsageError: the wanted device is unknown or missing here.
    """
    there = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    if wanted is None:
        return next(device for device, found in there.items() if found)
    if not there.get(wanted.partition(":")[0], False):
        here = ", ".join(device for device, found in there.items() if found)
        raise UsageError(f"There is no device {wanted!r} here", f"Use one of {here}, or leave it out")
    return wanted


def pick_dtype(device: str, wanted: DtypeName | None = None) -> torch.dtype:
    """``pick_dtype("cpu")``: bfloat16 where the hardware multiplies it natively, else float32.

    ``wanted`` goes before the environment variable ``AUGURY_DTYPE``, and that before the hardware. An
    emulated bfloat16 is slower than float32, so a CPU needs AVX512_BF16 or AMX.

    Raises:
        UsageError: neither ``float32`` nor ``bfloat16`` was asked for.
    """
    name = wanted or os.environ.get("AUGURY_DTYPE", "")
    if name and name not in get_args(DtypeName):
        raise UsageError(f"There is no dtype {name!r} for models", f"Use {' or '.join(get_args(DtypeName))}")
    if name:
        return torch.bfloat16 if name == "bfloat16" else torch.float32
    return torch.bfloat16 if _native_bfloat16(device) else torch.float32


def _native_bfloat16(device: str) -> bool:
    if device.startswith("cuda"):
        return bool(torch.cuda.is_bf16_supported())
    if device == "cpu":
        has = torch.cpu.get_capabilities()
        return bool(has.get("avx512_bf16") or has.get("amx_bf16"))
    return False
