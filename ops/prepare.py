"""`python3 -m ops.prepare run|dev|node|pages…`: make sure of what is named, which `make` does before everything.

Runs on any Python 3.11+ with nothing installed: it is what installs.
"""

import fcntl
import os
import sys

from ops.environment import install, make_venv
from ops.errors import SetupError
from ops.frontend import build_pages
from ops.output import complain
from ops.places import ROOT


def main(wanted: list[str]) -> int:
    # Two at once (`make run` and `make test`) would install into each other's hands.
    checkout = os.open(ROOT, os.O_RDONLY)
    fcntl.flock(checkout, fcntl.LOCK_EX)
    try:
        make_venv()
        for name in wanted:
            build_pages() if name == "pages" else install(name)
    except SetupError as error:
        complain(error)
        return 1
    except OSError as reason:
        complain(f"{reason.filename or 'a file'} cannot be used: {reason.strerror}")
        return 1
    except KeyboardInterrupt:
        return 130
    finally:
        os.close(checkout)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
