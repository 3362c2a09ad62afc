"""Under which user the embedded engines run, and which folders that user can reach.

PostgreSQL refuses to run as root.  Started as root, the engines therefore run under the
system user ``tidings`` where there is one, and else under ``nobody``; started by anybody
else they run as that person.
"""

import contextlib
import hashlib
import os
import pwd
import shutil
import stat
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

NAMES = ("tidings", "nobody")  #: tried in this order when started as root
LASTING = Path("/var/lib/tidings")  #: where data goes that root keeps in a folder nobody else may enter
OWNER_FILE = "belongs_to"


class EngineFailed(RuntimeError):
    """An embedded engine could not be started, joined or stopped."""


@dataclass(frozen=True, kw_only=True)
class ServerUser:
    """The user whose processes the engines are."""

    uid: int
    gid: int
    is_other: bool  #: True: we are root, and files must be handed over

    def own(self, path: Path) -> None:
        """Hand one file or folder over to this user."""
        if self.is_other:
            os.chown(path, self.uid, self.gid)

    def private_folder(self, path: Path) -> Path:
        """Make a folder that only this user (and root) may enter.

        Raises:
            EngineFailed: somebody else made it first.
        """
        path.mkdir(parents=True, exist_ok=True, mode=0o700)
        found = path.lstat()
        if stat.S_ISLNK(found.st_mode) or found.st_uid not in (self.uid, os.geteuid()):
            raise EngineFailed(f"{path} belongs to somebody else")
        path.chmod(0o700)
        self.own(path)
        return path

    def run(self, command: Sequence[str | Path], *, folder: Path, timeout: float) -> str:
        """Run a program to its end as this user and return what it printed.

        Raises:
            EngineFailed: it failed or took too long; its last lines are told.
        """
        # A pipe would be inherited by the server that pg_ctl leaves behind, and reading it would never end.
        with tempfile.TemporaryFile("w+", errors="replace") as output:
            try:
                ended = subprocess.run(
                    [str(part) for part in command],
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=subprocess.STDOUT,
                    cwd=folder,
                    env={"PATH": "/usr/local/bin:/usr/bin:/bin", "LC_ALL": "C", "TZ": "UTC"},
                    timeout=timeout,
                    start_new_session=True,  # Ctrl-C is for us; the servers are stopped in order.
                    check=False,
                    user=self.uid if self.is_other else None,
                    group=self.gid if self.is_other else None,
                    extra_groups=[] if self.is_other else None,
                )
            except (OSError, subprocess.TimeoutExpired) as error:
                raise EngineFailed(f"{Path(command[0]).name}: {error}") from error
            output.seek(0)
            printed = output.read().strip()
        if ended.returncode != 0:
            raise EngineFailed(f"{Path(command[0]).name} failed: {printed[-500:]}")
        return printed


def server_user() -> ServerUser:
    """Return the user to run the engines under.

    Raises:
        EngineFailed: we are root and no unprivileged user exists.
    """
    if os.geteuid() != 0:
        return ServerUser(uid=os.geteuid(), gid=os.getegid(), is_other=False)
    for name in NAMES:
        with contextlib.suppress(KeyError):
            found = pwd.getpwnam(name)
            return ServerUser(uid=found.pw_uid, gid=found.pw_gid, is_other=True)
    raise EngineFailed("started as root, and there is neither a user tidings nor a user nobody to run PostgreSQL under")


def can_reach(user: ServerUser, path: Path) -> bool:
    """Say whether the user may enter every folder above ``path``; ``path`` itself is not looked at."""
    if not user.is_other:
        return True
    for parent in path.absolute().parents:
        mode = parent.stat()
        wanted = stat.S_IXUSR if mode.st_uid == user.uid else stat.S_IXGRP if mode.st_gid == user.gid else stat.S_IXOTH
        if not mode.st_mode & wanted:
            return False
    return True


def reachable_folder(user: ServerUser, home: Path) -> Path:
    """Return the folder for the engines' data: ``home``, or another one where the user cannot enter it.

    The other folder is named by a link ``home/engines``, so that deleting ``home`` begins afresh.
    """
    link = home / "engines"
    if link.is_symlink() and link.exists():
        return link.resolve()
    if can_reach(user, home / "postgres"):
        return home
    passing = home.is_relative_to(tempfile.gettempdir())
    parent = Path(tempfile.gettempdir()) / "tidings-engines" if passing else LASTING
    parent.mkdir(parents=True, exist_ok=True)
    parent.chmod(0o755)
    if passing:
        _sweep(parent)
    folder = Path(tempfile.mkdtemp(prefix="engines-", dir=parent))
    folder.chmod(0o711)
    (folder / OWNER_FILE).write_text(str(home), encoding="utf-8")
    link.unlink(missing_ok=True)
    link.symlink_to(folder)
    return folder


def _sweep(parent: Path) -> None:
    """Remove the passing folders whose homes are gone."""
    for folder in parent.glob("engines-*"):
        owner = folder / OWNER_FILE
        if owner.exists() and not Path(owner.read_text(encoding="utf-8")).exists():
            shutil.rmtree(folder, ignore_errors=True)


def reachable_programs(user: ServerUser, installed: Path) -> Path:
    """Return ``installed``, or a copy of it where the user cannot enter the original's folder."""
    if can_reach(user, installed / "any"):
        return installed
    version = hashlib.sha256(f"{installed} {installed.stat().st_mtime_ns}".encode()).hexdigest()[:12]
    copy = LASTING / "programs" / f"{installed.name}-{version}"
    if not copy.exists():
        copy.parent.mkdir(parents=True, exist_ok=True)
        draft = Path(tempfile.mkdtemp(dir=copy.parent))
        shutil.copytree(installed, draft, dirs_exist_ok=True, ignore=shutil.ignore_patterns("include", "*.a"))
        draft.chmod(0o755)
        with contextlib.suppress(FileExistsError, OSError):  # Another process was quicker.
            draft.rename(copy)
    return copy


def short_folder(user: ServerUser, wanted: Path, *, longest: int) -> Path:
    """Return ``wanted`` for sockets, or a short private folder where its path has over ``longest`` characters."""
    if len(str(wanted).encode()) <= longest:
        return user.private_folder(wanted)
    mark = hashlib.sha256(str(wanted).encode()).hexdigest()[:12]
    return user.private_folder(Path("/tmp") / f"tidings-{mark}")  # noqa: S108 - private_folder checks whose it is


def is_running(pid: int, mark: str) -> bool:
    """Say whether ``pid`` lives and its command line holds ``mark``; a zombie and a reused number do not count."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    command = Path(f"/proc/{pid}/cmdline")
    if command.exists():
        words = command.read_bytes().replace(b"\0", b" ").decode(errors="replace")
        return bool(words) and mark in words  # A zombie has no command line left.
    told = subprocess.run(["/bin/ps", "-o", "command=", "-p", str(pid)], capture_output=True, text=True, check=False)
    return mark in told.stdout
