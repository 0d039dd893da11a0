"""``python -m augury`` is the same as ``augury``."""

from .cli import main

if __name__ == "__main__":
    main(prog_name="augury")
