"""A runner of two made-up children, for the tests of the supervisor: `python -m tests.ops.small_runner FOLDER [WORD…]`.

`first` and `second` each start a `sleep` of their own, note the ids of both in FOLDER and then wait.
"""

import os
import sys
from pathlib import Path

from ops.children import Child
from ops.errors import SetupError
from ops.output import Output
from ops.supervisor import Stopped, Supervisor

WAITS = """
sleep 1000 & echo $! $$ >> {pids}
echo "{name} is up"
trap 'echo {name} stops; echo {name} >> {stops}; kill $!; exit 0' TERM
touch {up}
wait
"""
STUBBORN = "trap '' TERM; " + WAITS.replace("trap 'echo", ": 'echo")
ENDS = "echo {name} cannot start >&2; exit 3"
MUTTERS = "printf 'no end of line'; " + WAITS


def make(name: str, folder: Path, script: str, grace_seconds: float = 3.0) -> Child:
    up = folder / f"{name}.up"
    text = script.format(name=name, pids=folder / f"{name}.pids", stops=folder / "stops", up=up)
    return Child(name, ("sh", "-c", text), {"PATH": os.environ["PATH"]}, up.exists, grace_seconds=grace_seconds)


def main(folder: Path, words: list[str]) -> int:
    scripts = {"stubborn": STUBBORN, "ends": ENDS, "mutters": MUTTERS}
    script = next((scripts[word] for word in words if word in scripts), WAITS)
    try:
        with Supervisor(Output(8)) as supervisor:
            if "with-parent" in words:
                supervisor.stop_with_parent()
            supervisor.start(make("first", folder, WAITS))
            supervisor.wait_until_ready(20)
            supervisor.start(make("second", folder, script, 600.0 if "patient" in words else 3.0))
            supervisor.wait_until_ready(20)
            supervisor.say("all ready")
            supervisor.watch()
    except Stopped as stopped:
        return stopped.code
    except SetupError as error:
        print(error)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), sys.argv[2:]))
