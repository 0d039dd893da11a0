"""Finding passages by the q-net alone: how it is done, and what it took."""

from __future__ import annotations

from typing import Any, Literal, Self, get_args

from pydantic import BaseModel, ConfigDict, Field, ValidationError

QNetMethod = Literal["exhaustive", "neighbours", "gradient"]
SETTINGS: dict[QNetMethod, dict[str, Any]] = {
    "exhaustive": {},
    "neighbours": {"width": 64, "reach": 100, "rounds": 16, "random": 0},
    "gradient": {"width": 8, "reach": 100, "rounds": 16, "random": 0, "mean": True},
}
"""What each method can be told, and what it does otherwise. Those of ``neighbours`` are the paper's for the
faster of its two settings."""

QNET_WAYS = f"{', '.join(SETTINGS)}, with settings after a colon as in gradient:width=4,rounds=8"
"""What ``QNetWay.read`` reads, in words."""


class QNetWay(BaseModel):
    """``QNetWay.read("gradient:rounds=4")``: how the q-net's best passages are found.

    ``exhaustive`` scores every passage. The others start from some passages and go on in rounds, until one
    brings nothing new among the best: ``neighbours`` to those that the engine finds nearest to the best of
    the last round (Killingback, Zeng and Zamani 2025, https://arxiv.org/abs/2502.05364, algorithm 1),
    ``gradient`` to those that it finds where the score rises from the best so far.

    Attributes:
        width: how many passages a round goes on from.
        reach: how many passages the engine finds for each.
        rounds: most rounds.
        random: start from so many passages drawn from the index, always the same ones, instead of what the
            branches find.
        mean: also follow the mean of a round's gradients.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    method: QNetMethod
    width: int = Field(default=1, ge=1)
    reach: int = Field(default=1, ge=1)
    rounds: int = Field(default=1, ge=1)
    random: int = Field(default=0, ge=0)
    mean: bool = False

    @classmethod
    def read(cls, text: str) -> Self:
        """``neighbours`` or ``neighbours:width=328,rounds=20``. Raises ``ValueError`` with a sentence."""
        method, _, rest = text.strip().lower().partition(":")
        if method not in get_args(QNetMethod):
            raise ValueError(f"{text!r} is none of {QNET_WAYS}")
        usual = SETTINGS[method]  # type: ignore[index]
        given: dict[str, str] = {}
        for part in filter(None, (piece.strip() for piece in rest.split(","))):
            name, _, value = (piece.strip() for piece in part.partition("="))
            if name not in usual or name in given:
                known = ", ".join(usual) or "no settings"
                raise ValueError(f"{part!r} is no setting of {method}, which takes {known}")
            given[name] = value
        try:
            return cls.model_validate({"method": method, **usual, **given})
        except ValidationError as error:
            wrong = error.errors()[0]
            raise ValueError(f"{wrong['loc'][0]} of {method} cannot be {wrong['input']!r}") from None

    @property
    def text(self) -> str:
        """What ``read`` reads, with the settings that are not the usual ones."""
        usual = SETTINGS[self.method]
        told = [
            f"{name}={getattr(self, name):d}" for name, value in usual.items() if getattr(self, name) != value
        ]
        return f"{self.method}:{','.join(told)}" if told else self.method

    @property
    def starts_from_branches(self) -> bool:
        """Whether it goes on from what the branches find."""
        return self.method != "exhaustive" and not self.random


class QNetSearch(QNetWay):
    """The same in a plan: by the q-nets of ``model``, which read the vector ``using``."""

    model: str
    using: str


class QNetWork(BaseModel):
    """What a search by q-net took, the fetching of the hits apart.

    Attributes:
        evaluations: passages that the q-net scored.
        gradients: passages at which its gradient was taken.
        engine_calls: how often the engine was called.
        engine_queries: nearest-neighbour queries in those calls.
        rounds: how often it went on from the best.
    """

    model_config = ConfigDict(frozen=True)

    evaluations: int = 0
    gradients: int = 0
    engine_calls: int = 0
    engine_queries: int = 0
    rounds: int = 0
