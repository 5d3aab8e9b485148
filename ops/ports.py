"""TCP ports of this machine."""

import random
import socket

from ops.errors import SetupError

# Below the range from which the kernel takes the local ports of outgoing connections, so none of those can land on it.
TEST_PORTS = range(20000, 32000)


def is_free(port: int, host: str = "127.0.0.1") -> bool:
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        # As servers do: a port whose old connections are in TIME_WAIT is free.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True


def find_free_port() -> int:
    """A port nobody listens on now. It is not reserved: whoever uses it must cope with losing it."""
    for port in random.sample(TEST_PORTS, 200):
        if is_free(port):
            return port
    raise SetupError(f"no free port found between {TEST_PORTS.start} and {TEST_PORTS.stop}")
