"""A process that mines, for the test that kills it: ``python mine_child.py INDEX OUTPUT PAUSE``."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import augury
from augury.connector.query.planner import SearchOptions
from augury.errors import AuguryError
from augury.schemas.data_report import MiningReport
from augury.schemas.training import TrainingPassage
from augury.trainers.data.mine.asked import Asked
from augury.trainers.data.mine.candidate import Found
from augury.trainers.data.mine.mine import Miner
from augury.trainers.data.mine.mined_file import MinedFile
from augury.trainers.data.mine.options import MiningOptions
from augury.trainers.data.mine.search import SearchFinder
from augury.trainers.data.mine.teacher import DenseTeacher
from tests.hashing import HashingDense, HashingSparse

QUERIES = 640


def text(number: int) -> str:
    return f"Document {number} speaks of subject {number % 17} and of matter {number % 29}."


def asked() -> Iterator[Asked]:
    for number in range(QUERIES):
        positive = TrainingPassage(text=text(number % 100), doc_id=f"d{number % 100}")
        yield Asked(f"what is matter {number % 29} of {number}", f"q{number}", (positive,))


class Slow(SearchFinder):
    """Takes its time, so that a kill finds it at work."""

    pause = 0.0

    def find(self, asked: Sequence[Asked]) -> list[Found | AuguryError]:
        time.sleep(self.pause)
        return super().find(asked)


def mine(where: Path, output: Path, pause: float = 0.0) -> MiningReport:
    """Mine the index, which is made if it is not there."""
    with augury.open(where, dense=HashingDense(), sparse=HashingSparse()) as index:
        index.ingest([augury.Document(id=f"d{number}", title="", text=text(number)) for number in range(100)])
        finder = Slow(index, SearchOptions(branches=("dense",)), first=1, last=20)
        finder.pause = pause
        options = MiningOptions(negatives=4, ratio=0.99)
        with MinedFile(output, options.model_dump(), by_id=False) as file:
            return Miner(finder, options, DenseTeacher(index)).run(asked, file)


if __name__ == "__main__":
    print(mine(Path(sys.argv[1]), Path(sys.argv[2]), float(sys.argv[3])).model_dump_json())
