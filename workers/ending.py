"""How a process of ours ends: when it is asked to, and not before its work in hand is safe."""

import os
import signal
import threading
from types import FrameType


def wait_for_end() -> None:
    """Wait until the process is asked to end, by SIGTERM or SIGINT, or its parent is gone; called from the main thread."""
    asked, parent = threading.Event(), os.getppid()

    def end(_signal: int, _frame: FrameType | None) -> None:
        asked.set()

    signal.signal(signal.SIGTERM, end)
    signal.signal(signal.SIGINT, end)
    # Waiting without a limit would keep Python from running the handler on some systems.
    while not asked.wait(timeout=1) and os.getppid() == parent:
        pass
