"""The mark on every stored passage: what it was made from and with."""

from __future__ import annotations

from typing import NamedTuple, Self


class Fingerprint(NamedTuple):
    """``str(Fingerprint(base, scenarios, alpha))`` is stored; ``Fingerprint.parse`` reads it back.

    ``base`` covers the document's content, the chunking and the models; ``scenarios`` what its scenarios
    were made from (empty: none were asked for); ``alpha`` is the weight its rows are folded with.
    """

    base: str
    scenarios: str
    alpha: float

    def __str__(self) -> str:
        return f"{self.base}:{self.scenarios}:{self.alpha!r}"

    @classmethod
    def parse(cls, text: str) -> Self | None:
        """None if the text is no fingerprint, as on points that Augury did not write."""
        try:
            base, scenarios, alpha = text.split(":")
            return cls(base, scenarios, float(alpha))
        except ValueError:
            return None
