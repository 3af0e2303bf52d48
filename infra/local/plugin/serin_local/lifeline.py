"""Ends the stack when its parent is gone.

The parent holds the other end of standard input. Whatever ends the parent, SIGKILL included, closes that end, and the
whole process group goes: every `bootstrap` and LocalStack itself. Nothing is left to clean up by name.
"""

import os
import signal
import sys
import threading

from serin_local import sandbox


def watch_standard_input() -> None:
    """Starts the watch; call it only where standard input is a pipe that somebody holds open."""
    threading.Thread(target=_wait_for_end, name="serin-lifeline", daemon=True).start()


def _wait_for_end() -> None:
    descriptor = sys.stdin.fileno()
    while os.read(descriptor, 4096):
        pass
    # First the functions, so that each is waited for and none is left to a parent that may not care.
    sandbox.end_all()
    # Only a group of our own may be killed whole: started by hand from a shell script, it may be the script's.
    if os.getpgid(0) == os.getpid():
        os.killpg(os.getpgid(0), signal.SIGKILL)
    os._exit(0)
