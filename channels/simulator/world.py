"""What the pretend providers of one simulator have in common."""

from dataclasses import dataclass

from channels.simulator.faults import Faults
from channels.simulator.receipts import Receipts
from channels.simulator.record import Record
from channels.simulator.settings import SimulatorSettings


@dataclass(frozen=True, kw_only=True)
class World:
    """The settings, the memory, the die and the reports."""

    settings: SimulatorSettings
    record: Record
    faults: Faults
    receipts: Receipts
