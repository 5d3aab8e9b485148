"""`python -m ops.doctor`: exit code 0 when no line says FAIL, 1 when one does, 2 for settings that cannot be read.

PULSE_ENV_FILE names another file than the checkout's `.env`.
"""

import os
import sys
from pathlib import Path

from ops.doctor.examination import examine
from ops.doctor.setup import read_setup
from ops.errors import SetupError
from ops.output import complain, ends_quietly
from ops.places import ROOT, find_var
from shared.settings import SettingsError, exit_with


@ends_quietly
def main() -> int:
    try:
        setup = read_setup(os.environ, Path(os.environ.get("PULSE_ENV_FILE") or ROOT / ".env"), find_var())
    except SettingsError as error:
        exit_with(error, "pulse")
    except SetupError as error:
        complain(error)
        return 2
    failed = 0
    for line in examine(setup):
        print(line.show(setup.secrets), flush=True)
        failed += line.kind == "FAIL"
    print(f"{failed} to mend" if failed else "nothing to mend")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
