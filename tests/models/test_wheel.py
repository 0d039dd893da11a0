from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from pathlib import Path

import pytest

from augury.errors import ModelFetchError, ModelNotFound
from augury.models.folder import file_sha256
from augury.models.registry import MODELS, ModelCard, Wheel, WheelFile
from augury.models.resolve import fetch, is_cached, resolve, verify
from augury.models.wheel import wheel_folder

FILES = {"config.json": b"{}", "1_Pooling/config.json": b'{"a": 1}', "model.safetensors": b"\x00" * 4096}
NAME = "starter:test"


def build_wheel(folder: Path) -> Path:
    """A real wheel, with a model, a pickle beside it and a package that must never be imported."""
    info = "augury_test_starter-1.0.dist-info"
    path = folder / "augury_test_starter-1.0-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in FILES.items():
            archive.writestr(f"test_starter/model/{name}", data)
        archive.writestr("test_starter/model/heads.pt", b"a pickle")
        archive.writestr("test_starter/__init__.py", "raise SystemExit('imported')")
        archive.writestr(
            f"{info}/METADATA", "Metadata-Version: 2.1\nName: augury-test-starter\nVersion: 1.0\n"
        )
        archive.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr(f"{info}/RECORD", "")
    return path


Register = Callable[..., Wheel]


@pytest.fixture
def register(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Register:
    """``register()``: put a starter into the registry whose wheel pip finds in a folder."""
    index = tmp_path / "index"
    index.mkdir()
    built = build_wheel(index)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(index))
    monkeypatch.setenv("AUGURY_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("AUGURY_OFFLINE", raising=False)
    right = {name: WheelFile(sha256(data).hexdigest(), len(data)) for name, data in FILES.items()}

    def add(
        *, package: str = "augury-test-starter", whole: str = "", files: dict[str, WheelFile] = right
    ) -> Wheel:
        wheel = Wheel(package, "1.0", whole or file_sha256(built), "test_starter/model", files)
        revision = files["model.safetensors"].sha256
        card = ModelCard(NAME, "dense", "MIT", 1, 1, revision=revision, source=wheel)
        assert isinstance(MODELS, dict)
        monkeypatch.setitem(MODELS, NAME, card)
        return wheel

    return add


def contents(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()
    }


def test_resolve_fetches_the_listed_files_and_nothing_else(register: Register) -> None:
    register()
    assert not is_cached(NAME)
    found = resolve(NAME)
    assert contents(found.path) == FILES
    assert found.revision == sha256(FILES["model.safetensors"]).hexdigest()
    assert not found.local
    assert is_cached(NAME)
    assert verify(NAME) == found.path
    assert "test_starter" not in sys.modules


def test_a_cached_model_needs_no_index(register: Register, monkeypatch: pytest.MonkeyPatch) -> None:
    register()
    path = fetch(NAME)
    monkeypatch.setenv("PIP_FIND_LINKS", "/nowhere")
    monkeypatch.setenv("AUGURY_OFFLINE", "1")
    assert resolve(NAME).path == path


def test_progress_is_told_each_step(register: Register) -> None:
    register()
    steps: list[str] = []
    fetch(NAME, steps.append)
    assert [step.split()[0] for step in steps] == ["Downloading", "Checking"]


def test_offline_names_the_command(register: Register, monkeypatch: pytest.MonkeyPatch) -> None:
    register()
    monkeypatch.setenv("AUGURY_OFFLINE", "1")
    with pytest.raises(ModelNotFound, match=f"augury models fetch {NAME}"):
        resolve(NAME)


def test_a_wheel_with_another_sum_is_refused(register: Register) -> None:
    wheel = register(whole="0" * 64)
    with pytest.raises(ModelFetchError, match="another sha256"):
        fetch(NAME)
    assert not wheel_folder(NAME, wheel).exists()


def test_a_file_with_another_sum_is_refused(register: Register) -> None:
    wheel = register(files={"model.safetensors": WheelFile("0" * 64, 4096)})
    with pytest.raises(ModelFetchError, match=r"model\.safetensors .* another sha256"):
        fetch(NAME)
    assert contents(wheel_folder(NAME, wheel).parent).keys() <= {".lock"}


def test_a_file_that_is_larger_than_listed_is_not_read_to_its_end(register: Register) -> None:
    register(files={"model.safetensors": WheelFile(sha256(FILES["model.safetensors"]).hexdigest(), 10)})
    with pytest.raises(ModelFetchError, match="another sha256"):
        fetch(NAME)


def test_a_file_that_the_wheel_lacks_is_named(register: Register) -> None:
    register(files={"other.json": WheelFile("0" * 64, 1), "model.safetensors": WheelFile("0" * 64, 1)})
    with pytest.raises(ModelFetchError, match=r"other\.json"):
        fetch(NAME)


def test_a_truncated_file_is_fetched_again(register: Register) -> None:
    register()
    path = fetch(NAME)
    (path / "model.safetensors").write_bytes(b"half")
    assert not is_cached(NAME)
    assert contents(resolve(NAME).path) == FILES


def test_verify_finds_what_the_size_does_not_show(register: Register) -> None:
    register()
    path = fetch(NAME)
    (path / "model.safetensors").write_bytes(b"\x01" * 4096)
    with pytest.raises(ModelFetchError, match="damaged"):
        verify(NAME)


def test_two_at_once_do_no_harm(register: Register) -> None:
    register()
    with ThreadPoolExecutor(2) as threads:
        first, second = threads.map(fetch, [NAME, NAME])
    assert first == second
    assert contents(first) == FILES


def test_pips_errors_come_without_addresses(register: Register, monkeypatch: pytest.MonkeyPatch) -> None:
    register(package="augury-test-missing")
    monkeypatch.delenv("PIP_NO_INDEX")
    monkeypatch.setenv("PIP_INDEX_URL", "http://user:secret@127.0.0.1:1/simple")
    monkeypatch.setenv("PIP_RETRIES", "0")
    with pytest.raises(ModelFetchError, match="augury-test-missing") as caught:
        fetch(NAME)
    assert "secret" not in str(caught.value)
    assert "127.0.0.1" not in str(caught.value)


def test_a_python_without_pip_is_told_apart(
    register: Register, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    register()
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", tmp_path / "bare"], check=True)
    monkeypatch.setattr(sys, "executable", str(tmp_path / "bare" / "bin" / "python"))
    with pytest.raises(ModelFetchError, match="ensurepip"):
        fetch(NAME)


def test_a_cache_that_cannot_be_written_is_named(
    register: Register, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    register()
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("AUGURY_CACHE", str(tmp_path / "file"))
    with pytest.raises(ModelFetchError, match="AUGURY_CACHE"):
        fetch(NAME)


def test_a_killed_fetch_leaves_no_model(register: Register, tmp_path: Path) -> None:
    wheel = register()
    folder = wheel_folder("starter:splade-tiny", _wheel_of("starter:splade-tiny"))
    with socket.create_server(("127.0.0.1", 0)) as silent:  # an index that never answers
        environment = {key: value for key, value in os.environ.items() if not key.startswith("PIP_")}
        environment |= {
            "PIP_INDEX_URL": f"http://127.0.0.1:{silent.getsockname()[1]}/simple",
            "PIP_DEFAULT_TIMEOUT": "5",
            "PIP_RETRIES": "0",
        }
        code = "from augury.models.resolve import fetch; fetch('starter:splade-tiny')"
        fetching = subprocess.Popen([sys.executable, "-c", code], env=environment)
        deadline = time.monotonic() + 60
        while not list(folder.parent.glob(".fetch-*")) and time.monotonic() < deadline:
            time.sleep(0.05)
        fetching.send_signal(signal.SIGKILL)
        fetching.wait()
    assert list(folder.parent.glob(".fetch-*"))
    assert not is_cached("starter:splade-tiny")
    # What it left is swept away by the next fetch of that model.
    left = wheel_folder(NAME, wheel).parent / ".fetch-left"
    left.mkdir(parents=True)
    fetch(NAME)
    assert not left.exists()


def _wheel_of(name: str) -> Wheel:
    source = MODELS[name].source
    assert isinstance(source, Wheel)
    return source
