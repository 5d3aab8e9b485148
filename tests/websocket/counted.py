"""The service, which keeps writing the number of its green threads to the file the argument names, when it is gone."""

import gc
import sys
from pathlib import Path

import greenlet  # type: ignore[import-untyped]

from services.websocket import green


def tell(answer: Path) -> None:
    while True:
        green.sleep(0.05)
        if not answer.exists():
            gc.collect()
            alive = [one for one in gc.get_objects() if isinstance(one, greenlet.greenlet) and not one.dead]
            answer.with_suffix(".new").write_text(str(len(alive)))
            answer.with_suffix(".new").rename(answer)


if __name__ == "__main__":
    green.patch()
    from services.websocket.server import main

    green.spawn(tell, Path(sys.argv[1]))
    main()
