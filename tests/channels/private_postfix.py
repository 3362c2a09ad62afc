"""A real Postfix with a configuration, a queue and ports of its own; nothing of the machine's is touched."""

import contextlib
import os
import pwd
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

SERVICES = """
127.0.0.1:{port} inet n - n - - smtpd
pickup    unix  n       -       n       60      1       pickup
cleanup   unix  n       -       n       -       0       cleanup
qmgr      unix  n       -       n       300     1       qmgr
rewrite   unix  -       -       n       -       -       trivial-rewrite
bounce    unix  -       -       n       -       0       bounce
defer     unix  -       -       n       -       0       bounce
trace     unix  -       -       n       -       0       bounce
flush     unix  n       -       n       1000?   0       flush
proxymap  unix  -       -       n       -       -       proxymap
smtp      unix  -       -       n       -       -       smtp
relay     unix  -       -       n       -       -       smtp
error     unix  -       -       n       -       -       error
retry     unix  -       -       n       -       -       error
anvil     unix  -       -       n       -       1       anvil
scache    unix  -       -       n       -       1       scache
postlog   unix-dgram n  -       n       -       1       postlogd
"""
SETTINGS = """
compatibility_level = 3.6
queue_directory = {folder}/queue
data_directory = {folder}/data
command_directory = /usr/sbin
daemon_directory = /usr/lib/postfix/sbin
mail_owner = postfix
setgid_group = postdrop
maillog_file = {folder}/mail.log
maillog_file_prefixes = {folder}
myhostname = relay.tidings.test
mydestination =
alias_maps =
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
mynetworks = 127.0.0.0/8
smtpd_relay_restrictions = permit_mynetworks, reject
smtpd_recipient_restrictions = check_recipient_access inline:{{ {{ refused.test = 550 5.1.1 User unknown }} }}
smtp_dns_support_level = disabled
smtp_host_lookup = native
default_transport = smtp:[127.0.0.1]:{remote}
transport_maps = inline:{{ {{ bounce.tidings.test = smtp:[127.0.0.1]:{bounces} }} }}
notify_classes =
smtp_tls_security_level = none
smtpd_tls_security_level = none
"""


def why_not() -> str | None:
    """Say why no Postfix can be run here, or None."""
    if shutil.which("postfix") is None or not Path("/usr/lib/postfix/sbin/master").exists():
        return "Postfix is not installed"
    if os.geteuid() != 0:
        return "Postfix can only be started by root"
    return None


@contextlib.contextmanager
def private_postfix(*, remote: int, bounces: int) -> Iterator[int]:
    """Run a relay for everything to port ``remote``, and for bounces to port ``bounces``; yield its own port."""
    # Not below pytest's own folder: Postfix's user could not come there.
    with tempfile.TemporaryDirectory(prefix="tidings-postfix-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        command = _prepared(folder, port := _free_port(), remote, bounces)
        subprocess.run([*command, "start"], check=True, capture_output=True, timeout=60)
        try:
            _wait_for(port)
            yield port
        finally:
            subprocess.run([*command, "stop"], check=False, capture_output=True, timeout=60)


def _prepared(folder: Path, port: int, remote: int, bounces: int) -> list[str]:
    """Write configuration and queue, and return the command that starts and stops it."""
    owner = pwd.getpwnam("postfix")
    configuration = folder / "configuration"
    for name in ("configuration", "queue", "data"):
        (folder / name).mkdir()
    os.chown(folder / "data", owner.pw_uid, owner.pw_gid)
    (configuration / "main.cf").write_text(SETTINGS.format(folder=folder, remote=remote, bounces=bounces))
    (configuration / "master.cf").write_text(SERVICES.format(port=port))
    return ["postfix", "-c", str(configuration)]


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
        return port


def _wait_for(port: int) -> None:
    until = time.monotonic() + 20
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            if time.monotonic() > until:
                raise
            time.sleep(0.05)
        else:
            return
