"""A process that trains an LLM, for tests that kill it: ``child.py KIND VALUES_AS_JSON [MOST_BYTES]``."""

from __future__ import annotations

import json
import resource
import signal
import sys

from augury.errors import AuguryError
from augury.trainers.expander import train_expander
from augury.trainers.llm.config import expander_config, scenario_config
from augury.trainers.scenarios import train_scenarios

if __name__ == "__main__":
    values = json.loads(sys.argv[2])
    if len(sys.argv) > 3:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        most = int(sys.argv[3])
        resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))
    try:
        report = (
            train_scenarios(scenario_config(values))
            if sys.argv[1] == "scenarios"
            else train_expander(expander_config(values))
        )
    except AuguryError as error:
        sys.exit(str(error))
    print(report.model_dump_json() if report else "")
