from __future__ import annotations

import pytest
import torch

from augury.errors import UsageError
from augury.models.device import pick_device, pick_dtype


@pytest.fixture(autouse=True)
def _no_override(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AUGURY_DTYPE", raising=False)


def test_a_device_is_found() -> None:
    assert pick_device("cpu") == "cpu"
    assert pick_device() in {"cuda", "mps", "cpu"}


@pytest.mark.parametrize("device", ["tpu", "cuda", "mps", "cuda:1"])
def test_a_missing_device_is_refused(device: str) -> None:
    if device.startswith("cuda") and torch.cuda.is_available():
        pytest.skip("there is a GPU")
    if device == "mps" and torch.backends.mps.is_available():
        pytest.skip("there is a GPU")
    with pytest.raises(UsageError, match="cpu"):
        pick_device(device)


def test_the_cpu_takes_bfloat16_only_where_it_multiplies_it() -> None:
    native = any(torch.cpu.get_capabilities().get(flag) for flag in ("avx512_bf16", "amx_bf16"))
    assert pick_dtype("cpu") == (torch.bfloat16 if native else torch.float32)
    assert pick_dtype("mps") == torch.float32


def test_the_argument_goes_before_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AUGURY_DTYPE", "bfloat16")
    assert pick_dtype("cpu") == torch.bfloat16
    assert pick_dtype("cpu", "float32") == torch.float32
    monkeypatch.setenv("AUGURY_DTYPE", "float16")
    with pytest.raises(UsageError, match="float16"):
        pick_dtype("cpu")
