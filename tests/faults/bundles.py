"""Faults done to real bundles. Every function returns how many were tried; one that is not refused well raises."""

from __future__ import annotations

import json
import random
import signal
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from pen_mobile.bundle.coreml.mlpackage import unpack_archive
from pen_mobile.bundle.verify import verify_bundle
from pen_mobile.contract.archive import pack, pack_folder
from pen_mobile.contract.bundle_folder import MANIFEST, SEAL, open_bundle
from pen_mobile.errors import BundleError
from pen_mobile.utils.files import sha256_of_file
from tests.faults.forks import Ended, Forks
from tests.faults.memory_bound import bounded_memory
from tests.faults.mutants import mutated_bytes, mutated_json
from tests.faults.trials import Trials

PROGRAM, PACKAGES = "head.pte", "head.mlpackage.zip"
_LONGEST_S = 60


class Copy:
    """A bundle's files, to be spoiled and made whole again."""

    def __init__(self, bundle: Path, folder: Path) -> None:
        self.folder = folder
        self._files = {file.name: file.read_bytes() for file in bundle.iterdir()}
        folder.mkdir()
        self.restore()

    @property
    def names(self) -> list[str]:
        return sorted(self._files)

    def content(self, name: str) -> bytes:
        return self._files[name]

    @property
    def manifest(self) -> dict[str, object]:
        values: dict[str, object] = json.loads(self._files[MANIFEST])
        return values

    def write(self, name: str, content: bytes) -> None:
        (self.folder / name).write_bytes(content)

    def reseal(self, manifest: bytes | None = None) -> None:
        """Write a manifest, or the whole one with the hashes of the files as they are, and its seal."""
        if manifest is None:
            values = json.loads(self._files[MANIFEST])
            for name, part in values["files"].items():
                part |= {"bytes": (self.folder / name).stat().st_size, "sha256": sha256_of_file(self.folder / name)}
            manifest = as_json(values)
        self.write(MANIFEST, manifest)
        self.write(SEAL, f"{sha256_of_file(self.folder / MANIFEST)}  {MANIFEST}\n".encode())

    def restore(self) -> None:
        for entry in self.folder.iterdir():
            if entry.name not in self._files:
                entry.unlink()
        for name, content in self._files.items():
            path = self.folder / name
            if path.is_symlink():
                path.unlink()
            if not path.is_file() or path.read_bytes() != content:
                path.write_bytes(content)


def as_json(values: object) -> bytes:
    return json.dumps(values).encode()


def outcome(bundle: Path) -> str:
    """Return ``refused``, or what the golden vectors say of a bundle that opens: ``same`` or ``differs``."""
    with bounded_memory(bundle), _time_limit(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # numpy's, when numbers overflow
        try:
            return "same" if verify_bundle(open_bundle(bundle)).passed else "differs"
        except BundleError as error:
            return _refused(str(error))


def _refused(line: str) -> str:
    assert line.isprintable(), line
    assert 20 < len(line) < 600, line
    return "refused"


def damage_every_file(bundle: Path, folder: Path, seed: int = 0) -> Trials:
    """Every file empty, cut, longer, with one bit changed, missing, a folder, a link, or another bundle's."""
    rng, copy, tried = random.Random(seed), Copy(bundle, folder / "bundle"), 0
    other = _another_bundle(bundle, folder / "other")
    for name in copy.names:
        for spoil in _damages(copy, name, other, folder, rng):
            spoil()
            assert outcome(copy.folder) == "refused", (name, tried)
            copy.restore()
            tried += 1
    assert outcome(copy.folder) == "same"
    return Trials(
        tried, f"{len(copy.names)} files, each empty, cut, longer, changed, missing, a link, another bundle's"
    )


def _another_bundle(bundle: Path, folder: Path) -> Path:
    """Make a whole bundle of which every file but the SQL differs."""
    other = Copy(bundle, folder)
    parameters = np.frombuffer(other.content("head-parameters.f32"), "<f4") + np.float32(0.5)
    other.write("head-parameters.f32", parameters.tobytes())
    other.write("golden.safetensors", other.content("golden.safetensors")[:-4] + b"\0\0\0\x3f")
    other.write(PROGRAM, other.content(PROGRAM) + bytes(16))
    other.reseal()
    return open_bundle(folder).path


def _damages(copy: Copy, name: str, other: Path, folder: Path, rng: random.Random) -> Iterator[Callable[[], object]]:
    content, path = copy.content(name), copy.folder / name
    swapped = (other / name).read_bytes()
    spoiled = [b"", content[:-1], content[: len(content) // 2], content + b"\0"]
    for _ in range(3):
        changed = bytearray(content)
        changed[rng.randrange(len(content))] ^= 1 << rng.randrange(8)
        spoiled.append(bytes(changed))
    if swapped != content:  # the SQL is everybody's
        spoiled.append(swapped)
    for replacement in spoiled:
        yield lambda replacement=replacement: copy.write(name, replacement)
    yield path.unlink
    yield lambda: (path.unlink(), path.symlink_to(folder / "elsewhere"))
    (folder / "elsewhere").write_bytes(content)


def mutate_manifest(bundle: Path, folder: Path, count: int, seed: int = 0) -> Trials:
    """Manifests changed in keys and values, sealed again, so that the parser must notice and not the hash."""
    rng, copy = random.Random(seed), Copy(bundle, folder / "bundle")
    outcomes: Counter[str] = Counter()
    for _ in range(count):
        copy.reseal(mutated_json(copy.manifest, rng))
        outcomes[outcome(copy.folder)] += 1
    return Trials(count, _said(outcomes))


def mutate_bytes(bundle: Path, folder: Path, count: int, seed: int = 0) -> Trials:
    """Bytes of any file changed and nothing sealed again: all of them are refused before anything runs."""
    rng, copy = random.Random(seed), Copy(bundle, folder / "bundle")
    for _ in range(count):
        name = rng.choice(copy.names)
        changed = mutated_bytes(copy.content(name), rng)
        copy.write(name, changed)
        expected = "same" if changed == copy.content(name) else "refused"
        assert outcome(copy.folder) == expected, name
        copy.restore()
    return Trials(count, "none was opened")


def mutate_data_resealed(bundle: Path, folder: Path, count: int, seed: int = 0) -> Trials:
    """Bytes of golden vectors and parameters changed and sealed again, as somebody could who has no key to steal."""
    rng, copy = random.Random(seed), Copy(bundle, folder / "bundle")
    names = [name for name in copy.names if name not in {MANIFEST, SEAL} and not name.endswith((".pte", ".sql"))]
    outcomes: Counter[str] = Counter()
    for _ in range(count):
        name = rng.choice(names)
        copy.write(name, mutated_bytes(copy.content(name), rng))
        copy.reseal()
        outcomes[outcome(copy.folder)] += 1
        copy.restore()
    return Trials(count, _said(outcomes))


def mutate_archive(bundle: Path, folder: Path, count: int, seed: int = 0) -> Trials:
    """Bytes of the archive changed, in its files and in what zip says of them: all of them are refused."""
    rng, archive = random.Random(seed), folder / "bundle.zip"
    pack_folder(bundle, archive)
    whole = archive.read_bytes()
    directory = whole.index(b"PK\x01\x02")
    for trial in range(count):
        changed = mutated_bytes(whole, rng)
        if trial % 2:  # the list of files at the end is where readers of zip archives go astray
            changed = whole[:directory] + mutated_bytes(whole[directory:], rng)
        archive.write_bytes(changed)
        assert outcome(archive) == ("same" if changed == whole else "refused"), trial
    return Trials(count, "none was opened")


def corrupt_programs(bundle: Path, folder: Path, count: int, forks: Forks, seed: int = 0) -> Trials:
    """Bytes of the head's program changed and sealed again, each loaded and run in a process of its own.

    This is past what hashes can defend: the runtime checks how a program is built, not every number in it. A crash is
    counted; a hang, a traceback or a refusal that is no line raises.
    """
    rng, copy = random.Random(seed), Copy(bundle, folder / "bundle")
    outcomes: Counter[str] = Counter()
    for _ in range(count):
        copy.write(PROGRAM, mutated_bytes(copy.content(PROGRAM), rng))
        copy.reseal()
        outcomes[_program_outcome(forks.run("verify", copy.folder))] += 1
    return Trials(count, _said(outcomes))


def corrupt_packages(bundle: Path, folder: Path, count: int, forks: Forks, seed: int = 0) -> Trials:
    """Bytes of the Core ML packages of the head changed, packed and sealed again, each read in a process of its own."""
    rng, copy, packages = random.Random(seed), Copy(bundle, folder / "bundle"), folder / "packages"
    packages.mkdir()
    unpack_archive(bundle / PACKAGES, packages)
    members = {
        path.relative_to(packages).as_posix(): path.read_bytes() for path in packages.rglob("*.*") if path.is_file()
    }
    outcomes: Counter[str] = Counter()
    for _ in range(count):
        name = rng.choice(sorted(members))
        changed = members | {name: mutated_bytes(members[name], rng)}
        pack(copy.folder / PACKAGES, sorted(changed.items()))
        copy.reseal()
        outcomes[_program_outcome(forks.run("verify", copy.folder))] += 1
    return Trials(count, _said(outcomes))


def _program_outcome(ended: Ended) -> str:
    if ended.status == 2:
        return _refused(ended.text)
    if ended.status < 0:
        assert ended.status != -signal.SIGALRM, "it hangs"
        return "ended the process"
    assert ended.status == 0, ended
    return ended.text


def kill_exports(
    run: Path, folder: Path, kills: int, forks: Forks, archive: bool = False, seed: int = 0, job: str = "export"
) -> Trials:
    """SIGKILL an export before each of its file operations, and at random instants, more of them near the end."""
    rng, whole, end = random.Random(seed), 0, ".zip" if archive else ""
    first = forks.run(job, run, folder / f"first{end}")
    assert first.status == 0, first
    operations = int(first.text)
    plan: list[tuple[int | None, float | None]] = [(before, None) for before in range(operations)]
    plan += [(None, first.seconds * rng.uniform(0.8 * (k % 2), 1.1)) for k in range(kills)]
    for number, (before, after) in enumerate(plan):
        out = folder / str(number) / f"bundle{end}"
        out.parent.mkdir()
        ended = forks.run(job, run, out, *([] if before is None else [before]), kill_after=after)
        assert ended.status in ({-9} if after is None else {-9, 0}), ended
        if out.exists():
            assert outcome(out) == "same"
            whole += 1
    assert any(entry.name.startswith(".") for entry in folder.glob("*/*"))  # what the killed had not finished
    for number in (0, operations // 2, operations - 1):
        again = folder / str(number) / f"again{end}"
        assert forks.run(job, run, again).status == 0, "what a killed export left is in the way of the next"
        assert not [entry for entry in again.parent.iterdir() if entry.name.startswith(".")], "it is swept"
    return Trials(len(plan), f"before each of {operations} file operations and {kills} times at random; {whole} whole")


def _said(outcomes: Counter[str]) -> str:
    words = {
        "refused": "refused in one line",
        "differs": "opened and failed by their golden vectors",
        "same": "opened and gave the golden answers",
        "ended the process": "crashed the runtime",
    }
    return ", ".join(f"{outcomes[name]:,} {text}" for name, text in words.items() if outcomes[name])


@contextmanager
def _time_limit() -> Iterator[None]:
    def _stop(*_: object) -> None:
        raise TimeoutError("it hangs")

    before = signal.signal(signal.SIGALRM, _stop)
    signal.alarm(_LONGEST_S)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)
