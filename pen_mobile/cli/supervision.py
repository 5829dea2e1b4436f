"""Commands that run a bundle's programs do so in a child process, whose end is one line however it comes.

A program that was written on purpose can run for ever, or end its process, inside the runtime, where no Python code can
stop it. So this process forks before anything else is loaded, and waits.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable

from pen_mobile.cli.session import BAD_INPUT
from pen_mobile.utils.call_clock import CallClock
from pen_mobile.utils.environment import positive_setting
from pen_mobile.utils.process_end import end_with_parent

SUPERVISED = ("predict", "adapt")
CALL_SECONDS = "PEN_MOBILE_MAX_CALL_SECONDS"
"""Environment variable with the longest time of one call of a program, for slow machines."""

_DEFAULT_S = 60.0
_FORWARDED = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_ADVICE = "take the bundle from its maker, and check the signature with --public-key"

Fail = Callable[[int, str], int]


def is_supervised(words: list[str]) -> bool:
    """Return whether a command runs a bundle's programs, on a system where they can be supervised.

    Args:
        words: of the command line, without the program's name.
    """
    command = next((word for word in words if not word.startswith("-")), "")
    return sys.platform == "linux" and command in SUPERVISED


def supervise(fail: Fail) -> int | None:
    """Fork; the child goes on with the command, this process waits for it.

    Args:
        fail: prints an error and returns its exit code.

    Returns:
        None in the child, and the exit code of the command in this process.

    Raises:
        BadInput: the environment variable is not a positive number.
    """
    longest, clock, parent = _longest_call(), CallClock(), os.getpid()
    sys.stdout.flush()
    sys.stderr.flush()
    child = os.fork()
    if child == 0:
        end_with_parent(parent)
        os.setpgid(0, 0)  # Ctrl-C reaches this process alone, which forwards it
        return None
    return _wait(child, clock, longest, fail)


def _wait(child: int, clock: CallClock, longest: float, fail: Fail) -> int:
    overdue = False

    def check(*_: object) -> None:
        nonlocal overdue
        if clock.seconds() > longest:
            overdue = True
            os.kill(child, signal.SIGKILL)

    for number in _FORWARDED:
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, lambda number, frame: os.kill(child, number))
    signal.signal(signal.SIGALRM, check)
    signal.setitimer(signal.ITIMER_REAL, 0.5, 0.5)
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    signal.setitimer(signal.ITIMER_REAL, 0)
    if status >= 0:
        return status
    name = signal.Signals(-status).name
    if status in (-signal.SIGKILL, -signal.SIGTERM) and not clock.seconds():  # no call was under way
        return fail(BAD_INPUT, f"the process was ended from outside ({name}); too little memory is one reason")
    reason = f"ran longer than {longest:g} seconds ({CALL_SECONDS})" if overdue else f"ended the process ({name})"
    return fail(BAD_INPUT, f"a program of the bundle {reason}; {_ADVICE}")


def _longest_call() -> float:
    return positive_setting(CALL_SECONDS, _DEFAULT_S, "seconds, such as 300")
