"""PostgreSQL refuses to run as root; here are the ways root can start it without adding a user to the machine."""

import os
import pwd
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from ops.errors import SetupError


@dataclass(frozen=True)
class Identity:
    """Who a command runs as: words to put before it, and the user and group its files must belong to."""

    prefix: tuple[str, ...]
    uid: int
    gid: int


@cache
def choose_identity(program: Path, folder: Path) -> Identity:
    """The identity that can execute `program` and write in `folder`, which is handed to it.

    A normal user stays who they are. Raises SetupError when root finds no way.
    """
    if os.geteuid() != 0:
        return Identity((), os.geteuid(), os.getegid())
    for identity in _identities_for_root():
        os.chown(folder, identity.uid, identity.gid)
        probe = ["sh", "-c", 'test -x "$1" && test -w "$2"', "probe", str(program), str(folder)]
        if subprocess.run([*identity.prefix, *probe], capture_output=True, check=False).returncode == 0:
            return identity
    os.chown(folder, 0, 0)
    raise SetupError(
        "PostgreSQL does not run as root, and neither `unshare --user` nor `setpriv` (util-linux) works here: "
        "start as a normal user, or set DATABASE_URL to a PostgreSQL of your own"
    )


def _identities_for_root() -> Iterator[Identity]:
    if shutil.which("unshare"):
        # Root outside, "nobody" to the server itself: no file changes hands and 0700 folders stay closed.
        yield Identity(("unshare", "--user", "--map-user=65534", "--map-group=65534", "--"), 0, 0)
    try:
        nobody = pwd.getpwnam("nobody")
    except KeyError:
        return
    if shutil.which("setpriv"):
        become = ("setpriv", f"--reuid={nobody.pw_uid}", f"--regid={nobody.pw_gid}", "--clear-groups")
        yield Identity((*become, "--"), nobody.pw_uid, nobody.pw_gid)
        # Where containers forbid user namespaces and the checkout lies in a closed folder such as /root, "nobody"
        # needs this one right of root's; the alternative would be to open that folder to everybody.
        reach = (
            "--inh-caps=-all,+dac_override",
            "--ambient-caps=-all,+dac_override",
            "--bounding-set=-all,+dac_override",
        )
        yield Identity((*become, *reach, "--"), nobody.pw_uid, nobody.pw_gid)
