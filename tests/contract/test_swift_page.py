"""Calls to ExecuTorch on ``export/SWIFT.md`` are those of the page's list, which was read from ExecuTorch's sources.

There is no Swift compiler here, so this is no proof that the page compiles; the page says so.
"""

from __future__ import annotations

import re

from pen_mobile.utils.resources import contract_folder

TEXT = (contract_folder() / "SWIFT.md").read_text(encoding="utf-8")
CODE = "\n".join(re.findall(r"```swift\n(.*?)```", TEXT, re.DOTALL))


def test_every_call_to_executorch_is_in_the_list() -> None:
    listed = set(re.findall(r"^\| `([^`]+)`", TEXT.partition("## Calls to ExecuTorch")[2], re.MULTILINE))
    used = {"Module(" + "".join(re.findall(r"\w+:", call)) + ")" for call in re.findall(r"\bModule\((.*?)\)", CODE)}
    used |= {"load()"} if re.search(r"\bmodule\.load\(\)", CODE) else set()
    used |= {"execute(_:_:)" for _ in re.findall(r"\bmodule\.execute\(\w+, \w+\)", CODE)}
    used |= {"Tensor<Float>(_:shape:)" for _ in re.findall(r"Tensor<Float>\(\$0\.\w+, shape:", CODE)}
    used |= {"scalars()"} if ".scalars()" in CODE else set()
    assert used == listed
    calls = re.findall(r"\bmodule\.\w+", CODE) + re.findall(r"\b(?:Module|Tensor<Float>)\(", CODE)
    assert len(calls) == 4  # load, execute, Module( and Tensor<Float>( alone: none that the list does not know


def test_the_page_says_that_it_was_never_compiled() -> None:
    assert "was never compiled" in TEXT


def test_names_of_a_bundle_are_those_of_the_specification() -> None:
    specification = (contract_folder() / "BUNDLE.md").read_text(encoding="utf-8")
    for name in re.findall(r'"(manifest\.json[\w.]*|pen-mobile store \d)"', CODE):
        assert name in specification
