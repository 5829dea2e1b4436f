"""Two processes on one store: whoever comes second is told why, and nothing is lost or comes back."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import pytest

from pen_mobile.data.table import FrameTable
from pen_mobile.errors import BadInput
from pen_mobile.phone import phone as phone_module
from pen_mobile.phone.phone import Phone
from pen_mobile.phone.store.options import StoreOptions
from pen_mobile.phone.store.store import Store
from tests.phone.store.helpers import BINDING, KEY, blob, in_use, samples

REPOSITORY = Path(__file__).parent.parent.parent.parent


class Process:
    """A real process that shares the store; :meth:`reply` gives ``ready`` first."""

    def __init__(self, store: Path) -> None:
        command = [sys.executable, "-m", "tests.phone.store.neighbour", str(store)]
        self._process = subprocess.Popen(
            command, cwd=REPOSITORY, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
        )

    def __enter__(self) -> Process:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.communicate(timeout=60)

    def tell(self, line: str) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(line + "\n")

    def reply(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline().strip()

    def ask(self, line: str) -> str:
        self.tell(line)
        return self.reply()


@pytest.fixture
def store(tmp_path: Path) -> Path:
    return tmp_path / "me.sqlite"


@pytest.fixture
def pair(store: Path) -> Iterator[tuple[Process, Process]]:
    with ExitStack() as stack:
        both = stack.enter_context(Process(store)), stack.enter_context(Process(store))
        assert [process.reply() for process in both] == ["ready", "ready"]
        yield both


def test_adapt_and_adapt(store: Path, pair: tuple[Process, Process]) -> None:
    """Both train from the initial head; the second to finish never met the head that is in use by then."""
    one, other = pair
    assert (one.ask("start"), other.ask("start")) == ("ok None", "ok None")
    assert one.ask("accept 1") == "ok 1"
    assert "version 1 came into use while this head was trained" in other.ask("accept 2")
    with Store(store, BINDING) as opened:
        assert in_use(opened) == (1, blob(1))
        kept, refused = opened.heads.history()
        assert (kept["status"], refused["status"], refused["parent"]) == ("active", "rejected", None)
        assert "adapt again" in refused["reason"]
        assert not refused["accepted"]
    assert (other.ask("start"), other.ask("accept 3")) == ("ok 1", "ok 3")
    with Store(store, BINDING) as opened:
        assert (in_use(opened), opened.heads.history()[2]["parent"]) == ((3, blob(3)), 1)


def test_a_refusal_may_come_after_another_head(store: Path, pair: tuple[Process, Process]) -> None:
    """It changes nothing, and its parent is the head that it was compared with."""
    one, other = pair
    other.ask("start")
    assert (one.ask("start"), one.ask("accept 1")) == ("ok None", "ok 1")
    assert other.ask("reject") == "ok 2"
    with Store(store, BINDING) as opened:
        assert in_use(opened) == (1, blob(1))
        assert opened.heads.history()[1]["parent"] is None


def test_adapt_and_rollback(store: Path, pair: tuple[Process, Process]) -> None:
    """Who went back does not get a child of what was left."""
    one, other = pair
    for value in (1, 2):
        one.ask("start")
        one.ask(f"accept {value}")
    one.ask("start")
    assert other.ask("rollback") == "ok 1"
    assert "version 1 came into use" in one.ask("accept 3")
    assert other.ask("rollback") == "ok None"
    assert "the bundle's initial head came into use" in one.ask("accept 4")
    with Store(store, BINDING) as opened:
        assert in_use(opened) is None
        assert [state["status"] for state in opened.heads.history()] == [
            "superseded",
            "superseded",
            "rejected",
            "rejected",
        ]


def test_adapt_and_delete(store: Path, pair: tuple[Process, Process]) -> None:
    """What was learned from deleted data does not come back, though version numbers begin anew."""
    one, other = pair
    one.ask("add 1")
    one.ask("start")
    one.ask("accept 1")
    one.ask("start")
    assert other.ask("erase").startswith("ok")
    other.ask("start")
    assert other.ask("accept 5") == "ok 1"  # again a version 1
    for attempt in ("accept 2", "reject"):
        assert "data were deleted" in one.ask(attempt)
    with Store(store, BINDING) as opened:
        assert in_use(opened) == (1, blob(5))
        assert len(opened.heads.history()) == 1
    assert (one.ask("start"), one.ask("accept 6")) == ("ok 1", "ok 2")


def test_add_and_delete(store: Path, pair: tuple[Process, Process]) -> None:
    """What was there before the deletion is gone; every sample acknowledged after it is there."""
    one, other = pair
    one.tell("flood 200")
    acknowledged_before = [one.reply() for _ in range(50)]
    deleted = other.ask("erase")
    while one.reply() != "ok done":
        pass
    with Store(store, BINDING) as opened:
        kept = sorted(opened.samples().features[:, 0].astype(int).tolist())
    gone = int(deleted.split("'samples': ")[1].split(",")[0])
    assert kept == list(range(gone, 200))
    assert gone >= len(acknowledged_before)


def test_a_phone_that_was_overtaken_goes_on_with_the_head_in_use(
    bundle_folder: Path, people: FrameTable, store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Real training; before it ends, another phone of the same owner has taken a head into use."""
    rows = people.rows_of("target-01")
    train: Callable[..., object] = phone_module.adapt
    with Phone.open(bundle_folder, store) as slow, Phone.open(bundle_folder, store) as quick:
        z = slow.features(list(people.frames.read(rows)), aligned=True)
        slow.add_labels(z, np.clip(slow.predict_features(z)[0] + 0.3, -1, 1))  # 0.3 above the estimates

        def train_while_the_other_adapts(*arguments: object, **options: object) -> object:
            outcome = train(*arguments, **options)
            monkeypatch.setattr(phone_module, "adapt", train)
            assert quick.adapt().accepted
            return outcome

        monkeypatch.setattr(phone_module, "adapt", train_while_the_other_adapts)
        result = slow.adapt()
        assert not result.accepted
        assert "version 1 came into use" in result.reason
        np.testing.assert_array_equal(slow.parameters, quick.parameters)
        assert [state["status"] for state in slow.history()] == ["active", "rejected"]


_ADD_200 = """
import sys
from pathlib import Path
import numpy as np
from pen_mobile.phone.store.head_versions import ConcurrentUpdateError
from pen_mobile.phone.store.options import StoreOptions
from pen_mobile.phone.store.store import Store
from tests.phone.store.helpers import BINDING
which, key = int(sys.argv[2]), bytes.fromhex(sys.argv[3]) or None
print("ready", flush=True)
sys.stdin.readline()
store = Store(Path(sys.argv[1]), BINDING, StoreOptions(key=key))
for n in range(200):
    store.add(np.full((1, 8), 1000 * which + n, np.float32), np.zeros((1, 2), np.float32))
    if n % 50 == 0:
        while True:
            try:
                store.accept(bytes([which]) * 400, {"n": n}, started_from=store.heads.active())
                break
            except ConcurrentUpdateError:
                continue
"""


@pytest.mark.parametrize("key", [None, KEY], ids=["plain", "encrypted"])
def test_both_write_200_samples_and_none_is_lost(store: Path, key: bytes | None) -> None:
    """They also race to make the store."""
    command = [sys.executable, "-c", _ADD_200, str(store)]
    children = [
        subprocess.Popen(
            [*command, which, (key or b"").hex()], cwd=REPOSITORY, stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        for which in "12"
    ]
    for child in children:
        assert child.stdout is not None
        assert child.stdout.readline()
    for child in children:
        assert child.stdin is not None
        child.stdin.write(b"go\n")
        child.stdin.flush()
    for child in children:
        child.communicate(timeout=120)
        assert child.returncode == 0
    with Store(store, BINDING, StoreOptions(key=key)) as opened:
        values = sorted(opened.samples().features[:, 0].tolist())
        assert values == [*range(1000, 1200), *range(2000, 2200)]
        taken = [state for state in opened.heads.history() if state["status"] != "rejected"]
        assert [state["status"] for state in taken] == ["superseded"] * 7 + ["active"]
        assert [state["parent"] for state in taken] == [None, *(state["version"] for state in taken[:-1])]


def test_one_that_waits_too_long_is_refused_in_one_line(store: Path) -> None:
    opened = Store(store, BINDING, StoreOptions(wait_s=0.1))
    other = sqlite3.connect(store, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(BadInput, match="another process is using it") as refused:
        opened.add(*samples(1))
    assert "\n" not in str(refused.value)
    other.execute("ROLLBACK")
    opened.add(*samples(1))
    assert len(opened.samples().weight) == 1
