"""The command line, `mspace-legacy`: how it is started, and its exit codes. Nothing else imports it.

Exit codes of every command:

- 0: done
- 1: failure: the service refused, there was no connection, some recipients were rejected, the answer was no, `scan`
  has findings, or `parity` shows differences
- 2: wrong usage; nothing was sent
- 3: outcome unknown: the service may have acted, for one recipient at least
- 130: interrupted; where the service may have acted by then, the message says so
"""

from __future__ import annotations

import io
import signal
import sys
import threading
from collections.abc import Sequence

__all__ = ["DONE", "FAILED", "INTERRUPTED", "OUTCOME_UNKNOWN", "WRONG_USAGE", "main"]

DONE = 0
FAILED = 1
WRONG_USAGE = 2
OUTCOME_UNKNOWN = 3
INTERRUPTED = 130

_PACKAGES_OF_THE_EXTRA = frozenset(("click", "rich", "waitress", "tomli", "pathspec"))


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and give its exit code.

    :param arguments: those of the process by default, without the program's name.
    """
    before = [(number, signal.getsignal(number)) for number in (signal.SIGINT, signal.SIGTERM)]
    try:
        from mspace_legacy.cli.group import run

        if sys.stdin is None:
            # It was closed, as by `<&-`, and so holds nothing.
            sys.stdin = io.TextIOWrapper(io.BytesIO())
        code = run(sys.argv[1:] if arguments is None else arguments)
        if arguments is None:
            # The process ends, and with the exit code that tells what was done.
            signal.signal(signal.SIGINT, signal.SIG_IGN)
        elif threading.current_thread() is threading.main_thread():
            # A command that was interrupted heeds no more signals, and its caller goes on.
            for number, handler in before:
                if handler is not None:
                    signal.signal(number, handler)
        return code
    except KeyboardInterrupt:
        # While its modules were read: later ones are told by the command.
        print("mspace-legacy: interrupted", file=sys.stderr)
        return INTERRUPTED
    except ModuleNotFoundError as error:
        missing = (error.name or "").partition(".")[0]
        if missing not in _PACKAGES_OF_THE_EXTRA:
            raise
    print(f"mspace-legacy: {missing} is not installed: install mspace_legacy with its extra [cli]", file=sys.stderr)
    return WRONG_USAGE
