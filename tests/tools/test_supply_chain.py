"""The exact set of packages, their licences, and what proposes changes of them."""

from __future__ import annotations

import re
from pathlib import Path

import yaml

from tools.notice import NOTICE, REPOSITORY, licence_of, runtime_packages

LOCK = REPOSITORY / "requirements" / "tested.txt"


def _locked() -> dict[str, list[str]]:
    """Return the hashes of every package."""
    text = re.sub(r"^#.*\n", "", LOCK.read_text(), flags=re.MULTILINE).replace("\\\n", " ")
    found = {}
    for line in text.splitlines():
        package, *hashes = line.split(" --hash=")
        found[package.split("==")[0]] = [digest.strip() for digest in hashes]
    return found


def test_the_lock_file_has_a_hash_for_every_package() -> None:
    locked = _locked()
    assert len(locked) > 100
    for name, hashes in locked.items():
        assert hashes, name
        assert all(re.fullmatch(r"sha256:[0-9a-f]{64}", digest) for digest in hashes), name


def test_the_lock_file_names_every_dependency() -> None:
    text = (REPOSITORY / "pyproject.toml").read_text()
    needed = text[text.index("dependencies = [") : text.index("docs = [")]
    names = {re.split(r"[><=;\[ ]", line)[0].lower() for line in re.findall(r'^    "(.+?)"', needed, re.MULTILINE)}
    assert names - {"tomli"} <= set(_locked())  # tomli is for Python 3.10


def test_the_notice_names_a_licence_for_what_is_needed() -> None:
    notice = dict(re.findall(r"^(\S+) \S+: (.+)$", NOTICE.read_text(), re.MULTILINE))
    assert set(notice) >= {"torch", "executorch", "av", "opencv-contrib-python", "numpy", "pydantic"}
    assert set(runtime_packages()) >= {"torch", "numpy", "mdurl"}  # mdurl is needed by what rich needs
    assert licence_of("numpy").startswith("BSD-3-Clause")


def test_dependabot_reads_what_is_there() -> None:
    settings = yaml.safe_load((REPOSITORY / ".github" / "dependabot.yml").read_text())
    assert settings["version"] == 2
    for update in settings["updates"]:
        assert Path(REPOSITORY, update["directory"].lstrip("/")).is_dir()
