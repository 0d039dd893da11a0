"""Without its framework each integration says what to install; nothing else of Augury needs one."""

from __future__ import annotations

import subprocess
import sys

LINES = {
    "langchain": "pip install 'augury[langchain]' (or pip install langchain-core)",
    "llama_index": "pip install 'augury[llama-index]' (or pip install llama-index-core)",
    "haystack": "pip install 'augury[haystack]' (or pip install haystack-ai)",
    "mcp": "pip install 'augury[mcp]' (or pip install mcp)",
}
CODE = f"""
import importlib, sys

class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in ("langchain_core", "llama_index", "haystack", "mcp", "mcp_types"):
            raise ModuleNotFoundError(name)

sys.meta_path.insert(0, Absent())
import augury.cli
for name in {list(LINES)}:
    try:
        importlib.import_module("augury.integrations." + name)
    except augury.AuguryError as error:
        print(type(error).__name__, error)
"""


def test_the_error_names_the_line_to_run() -> None:
    done = subprocess.run([sys.executable, "-c", CODE], capture_output=True, text=True, check=True)
    for said, line in zip(done.stdout.splitlines(), LINES.values(), strict=True):
        assert said.startswith("MissingDependency") and said.endswith(f"is not installed. Run: {line}.")
