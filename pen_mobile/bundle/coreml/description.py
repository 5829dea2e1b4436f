"""What a Core ML package says about itself in Xcode: maker, purpose, inputs and outputs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

_SUFFIX = "_new"


@dataclass(frozen=True)
class About:
    """What a package says about itself in Xcode.

    Attributes:
        author, licence: of the model; free text.
        version: of the toolkit that made it.
    """

    author: str
    licence: str
    version: str

    def write(self, metadata: Any, purpose: str) -> None:
        """Write everything into the metadata of a package.

        Args:
            metadata: of the package's description.
            purpose: what the program does.
        """
        metadata.shortDescription, metadata.author, metadata.license = purpose, self.author, self.licence
        metadata.versionString = self.version
        # The only thing in a package that would differ from day to day.
        metadata.userDefined.pop("com.github.apple.coremltools.conversion_date", None)


@dataclass(frozen=True)
class Port:
    """One input or output: its name and what it holds, units included."""

    name: str
    holds: str

    def after(self, holds: str) -> Port:
        """Return the output that replaces this input; Core ML does not allow it the same name.

        Args:
            holds: what it holds.
        """
        return Port(self.name + _SUFFIX, holds)


def describe(description: Any, purpose: str, inputs: Sequence[Port], outputs: Sequence[Port], about: About) -> None:
    """Write purpose, inputs, outputs and maker into the description of a package.

    Args:
        description: of the package's specification.
        purpose: what the program does.
        inputs: of the program.
        outputs: of the program.
        about: maker and version.
    """
    about.write(description.metadata, purpose)
    texts = {port.name: port.holds for port in (*inputs, *outputs)}
    for feature in (*description.input, *description.output):
        feature.shortDescription = texts[feature.name]
