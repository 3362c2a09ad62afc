"""``python -m channels.simulator SETTINGS``: how ``SimulatorProcess`` starts its process; SETTINGS is JSON.

Its first line of output names the ports, as JSON.
"""

import json
import os
import sys
from pathlib import Path

import msgspec

from channels.simulator.running import run_simulator
from channels.simulator.settings import SimulatorSettings


def _announce(http_port: int, smtp_port: int) -> None:
    sys.stdout.write(json.dumps({"http_port": http_port, "smtp_port": smtp_port}) + "\n")
    sys.stdout.flush()


def _decode(kind: type, value: object) -> object:
    return Path(str(value)) if kind is Path else value


if __name__ == "__main__":
    told = msgspec.json.decode(sys.argv[1], type=SimulatorSettings, dec_hook=_decode)
    run_simulator(told, ready=_announce, parent=os.getppid())
