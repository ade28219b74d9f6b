"""`racelint` and `python -m racelint`."""

from __future__ import annotations

import os
import sys


def main() -> int:
    """Runs the command line; the result is the exit status."""
    if sys.argv[1:] in (["--version"], ["-V"]):  # before anything else is imported: this takes 15 ms, click alone 40
        from racelint import __version__

        print(f"racelint {__version__}")
        return 0
    from racelint.cli import run

    return run(sys.argv[1:])


def leave_out_current_folder() -> None:
    """`python -m` imports from the current folder first, so that a `json.py` among the code under analysis would run.

    Only where racelint itself was found in that folder it has to stay.
    """
    folder = os.getcwd()
    if sys.path[:1] == [folder] and not __file__.startswith(os.path.join(folder, "racelint", "")):
        del sys.path[0]


if __name__ == "__main__":
    leave_out_current_folder()
    sys.exit(main())
