"""Processes as /proc shows them: who began whom, and how much memory each has to itself."""

from pathlib import Path

PROC = Path("/proc")


def family(head: int) -> list[int]:
    """Return a process and everything that descends from it, parents first."""
    children: dict[int, list[int]] = {}
    for folder in PROC.iterdir():
        if folder.name.isdigit() and (parent := _parent(folder)) is not None:
            children.setdefault(parent, []).append(int(folder.name))
    found = [head]
    for process in found:
        found += sorted(children.get(process, []))
    return found


def _parent(folder: Path) -> int | None:
    try:
        # The name before the last bracket may hold blanks and brackets of its own.
        return int((folder / "stat").read_text().rpartition(")")[2].split()[1])
    except (OSError, IndexError, ValueError):
        return None  # It ended while we looked.


def words_of(process: int) -> str:
    """Return a process's command line, empty if it has ended."""
    try:
        return (PROC / str(process) / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
    except OSError:
        return ""


def proportional_megabytes(process: int) -> float:
    """Return the memory of a process, pages it shares divided among those that share them; 0 if it has ended."""
    try:
        lines = (PROC / str(process) / "smaps_rollup").read_text().splitlines()
    except (FileNotFoundError, ProcessLookupError):
        return 0.0
    return sum(int(line.split()[1]) for line in lines if line.startswith("Pss:")) * 1024 / 1e6
