"""A process that shares a store and does what it is told, line by line:  python -m tests.phone.store.neighbour STORE.

It answers each line with one line: ``ok ...`` or ``refused ...``. ``flood COUNT`` answers once for each sample.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

from pen_mobile.errors import BadInput
from pen_mobile.phone.store.head_versions import ActiveHead
from pen_mobile.phone.store.store import Store
from tests.phone.store.helpers import BINDING, blob


def say(line: str) -> None:
    print(line, flush=True)


class Neighbour:
    """One phone's view of the store: what it trained from, and what it does next."""

    def __init__(self, opened: Store) -> None:
        self.opened = opened
        self.started_from = ActiveHead(0, None)

    def start(self) -> object:
        self.started_from = self.opened.heads.active()
        return self.started_from.version

    def accept(self, value: str) -> object:
        return self.opened.accept(blob(int(value)), {"reason": f"better {value}"}, started_from=self.started_from)

    def reject(self) -> object:
        return self.opened.reject({"reason": "worse"}, started_from=self.started_from)

    def rollback(self) -> object:
        return self.opened.rollback()

    def erase(self) -> object:
        return self.opened.delete_all()

    def add(self, value: str) -> object:
        self.opened.add(np.full((1, 8), float(value), np.float32), np.zeros((1, 2), np.float32))
        return value

    def flood(self, count: str) -> object:
        for n in range(int(count)):
            say(f"ok {self.add(str(n))}")
        return "done"


def main() -> None:
    with Store(Path(sys.argv[1]), BINDING) as opened:
        neighbour = Neighbour(opened)
        say("ready")
        for line in sys.stdin:
            verb, *values = line.split()
            try:
                say(f"ok {getattr(neighbour, verb)(*values)}")
            except BadInput as error:
                say(f"refused {error}")


if __name__ == "__main__":
    main()
