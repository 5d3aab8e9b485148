"""TCP ports of this machine."""

import errno
import random
import socket

from ops.errors import SetupError

# Below the range from which the kernel takes the local ports of outgoing connections, so none of those can land on it.
TEST_PORTS = range(20000, 32000)


def find_obstacle(port: int, host: str = "127.0.0.1") -> str | None:
    """Why nothing can listen there, in words that follow "port 5001 "; None when something can."""
    try:
        family, kind, *_, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind) as probe:
            # As servers do: a port whose old connections are in TIME_WAIT is free.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
            probe.listen()
    except OSError as reason:
        if reason.errno == errno.EADDRINUSE:
            return "is in use"
        return f"on {host} cannot be listened on ({reason.strerror})"
    return None


def find_free_port() -> int:
    """A port nobody listens on now. It is not reserved: whoever uses it must cope with losing it."""
    for port in random.sample(TEST_PORTS, 200):
        if find_obstacle(port) is None:
            return port
    raise SetupError(f"no free port found between {TEST_PORTS.start} and {TEST_PORTS.stop}")
