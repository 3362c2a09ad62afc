"""How a process of ours ends: when it is asked to, or its supervisor is gone, and not before its work in hand is safe."""

import signal
import threading
from types import FrameType

from config.environment import is_orphan


def wait_for_end() -> None:
    """Wait until the process is asked to end, by SIGTERM or SIGINT, or is an orphan; called from the main thread."""
    asked = threading.Event()

    def end(_signal: int, _frame: FrameType | None) -> None:
        asked.set()

    signal.signal(signal.SIGTERM, end)
    signal.signal(signal.SIGINT, end)
    # Waiting without a limit would keep Python from running the handler on some systems.
    while not asked.wait(timeout=1) and not is_orphan():
        pass
