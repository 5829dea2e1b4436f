"""The process that is killed: it does operations and acknowledges each one after its commit.

    python -m tests.faults.writer [STORE diary|life|refused|erase|migrate [LOG_PAGES]]

It waits for the number of the first operation on standard input, so that starting it costs no time of a trial. Without
arguments it forks one writer after another; each line of standard input is a task (words between tabs), the number of
the first operation, or the order to kill.
"""

from __future__ import annotations

import contextlib
import os
import resource
import signal
import sys
from pathlib import Path

from pen_mobile.errors import BadInput
from pen_mobile.phone.store.store import Store
from tests.faults.diary import Clock, open_store, perform


def say(line: str) -> None:
    os.write(1, f"{line}\n".encode())  # one write, below PIPE_BUF: whole or not at all


def write_diary(opened: Store, n: int, clock: Clock) -> None:
    while True:
        perform(opened, n, clock)
        say(str(n))
        n += 1


def write_until_refused(opened: Store, n: int, clock: Clock, limit: int) -> None:
    """Write until the file system refuses, make room, then prove that this very connection goes on."""
    if limit:
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))
    last = n + 3000
    while n < last:
        try:
            perform(opened, n, clock)
        except BadInput as error:
            say(f"refused {n} {error}")
            break
        say(str(n))
        n += 1
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    with contextlib.suppress(FileNotFoundError):
        opened.path.with_name("ballast").unlink()
    for after in range(n, n + 12):
        perform(opened, after, clock)
        say(str(after))


def live(path: str, task: str, numbers: list[str], start: int) -> None:
    """Do a task from operation ``start`` on."""
    clock = Clock()
    clock.now = start
    try:
        opened = open_store(Path(path), clock, wait_s=1.0)
    except BadInput as error:
        say(f"closed {error}")
        return
    if task == "diary":
        opened._rows.database.execute(f"PRAGMA wal_autocheckpoint = {int(numbers[0])}")
        write_diary(opened, start, clock)
    elif task == "life":
        opened._rows.database.execute("PRAGMA wal_autocheckpoint = 10")
        for n in range(int(numbers[0])):
            perform(opened, n, clock)
            say(str(n))
    elif task == "refused":
        write_until_refused(opened, start, clock, int(numbers[0]))
    elif task == "erase":
        opened.delete_all()
    say("done")
    opened.close()


def fork_victims() -> None:
    """For each line with a task, fork a writer, let it go at the next line, and kill it at the one after that."""
    for line in sys.stdin:
        path, task, *numbers = line.rstrip("\n").split("\t")
        reading, writing = os.pipe()
        writer = os.fork()
        if writer == 0:
            os.close(writing)
            live(path, task, numbers, int(os.read(reading, 20)))
            os._exit(0)
        os.close(reading)
        os.write(writing, sys.stdin.readline().encode())
        os.close(writing)
        sys.stdin.readline()
        os.kill(writer, signal.SIGKILL)
        say(f"ended {os.waitstatus_to_exitcode(os.waitpid(writer, 0)[1])}")


def main() -> None:
    say("ready")
    if len(sys.argv) == 1:
        fork_victims()
    else:
        path, task, *numbers = sys.argv[1:]
        live(path, task, numbers, int(sys.stdin.readline()))


if __name__ == "__main__":
    main()
