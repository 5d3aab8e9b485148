"""The service, with no more descriptors than the argument says."""

import resource
import sys

from services.websocket import green

if __name__ == "__main__":
    green.patch()
    resource.setrlimit(resource.RLIMIT_NOFILE, (int(sys.argv[1]), int(sys.argv[1])))
    from services.websocket.server import main

    main()
