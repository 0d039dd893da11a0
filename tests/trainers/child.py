"""A process that trains, for the tests that kill it: ``python child.py KIND VALUES_AS_JSON [MOST_BYTES]``.

With MOST_BYTES no file may grow larger, which is what a full disk is like.
"""

from __future__ import annotations

import json
import resource
import signal
import sys

from augury.errors import AuguryError
from augury.trainers.config import dense_config, splade_config
from augury.trainers.dense import train_dense
from augury.trainers.hypencoder import train_hypencoder
from augury.trainers.hypencoder_config import hypencoder_config
from augury.trainers.splade import train_splade

TRAIN = {
    "dense": lambda values: train_dense(dense_config(values)),
    "sparse": lambda values: train_splade(splade_config(values)),
    "hypencoder": lambda values: train_hypencoder(hypencoder_config(values)),
}

if __name__ == "__main__":
    values = json.loads(sys.argv[2])
    if len(sys.argv) > 3:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        most = int(sys.argv[3])
        resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))
    try:
        report = TRAIN[sys.argv[1]](values)
    except AuguryError as error:
        sys.exit(str(error))
    print(report.model_dump_json() if report else "")
