"""The identity of a model: name, version, licence, contact, intended use and limits, as its maker states them."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, Field

from pen_mobile.contract.part import Part
from pen_mobile.utils.toml import read_toml
from pen_mobile.utils.validation import validated, validated_options

_LINE = r"[^\x00-\x1f\x7f]{1,200}"
_PARAGRAPH = r"[^\x00-\x08\x0b-\x1f\x7f]{1,4000}"


def _matching(pattern: str) -> Callable[[str], str]:
    """Return a check of texts; pydantic's own expressions take 9 MB for a count of 4,000."""

    def check(text: str) -> str:
        if re.fullmatch(pattern, text) is None:
            raise ValueError(f"String should match pattern '^{pattern}$'")
        return text

    return check


Line = Annotated[str, AfterValidator(_matching(_LINE)), Field(json_schema_extra={"pattern": f"^{_LINE}$"})]
Paragraph = Annotated[
    str, AfterValidator(_matching(_PARAGRAPH)), Field(json_schema_extra={"pattern": f"^{_PARAGRAPH}$"})
]


class ModelCard(Part):
    """What the maker of a model says about it; None where nothing was said.

    Attributes:
        name: name of the model, for people.
        version: its version, such as ``1.2.0``.
        licence: under which it may be used, such as ``Apache-2.0``.
        contact: whom to ask: an address of mail or of a page.
        intended_use: what it is for.
        limits: what it is not for, and where it fails.
    """

    name: Line | None = None
    version: Line | None = None
    licence: Line | None = None
    contact: Line | None = None
    intended_use: Paragraph | None = None
    limits: Paragraph | None = None

    @classmethod
    def load(cls, path: Path | None = None, **said: str | None) -> ModelCard | None:
        """Read a TOML file with some of the fields, or none, and let every text that is not None replace its field.

        Args:
            path: the file.
            said: fields, by name.

        Returns:
            None when neither was given.

        Raises:
            BadInput: an unknown field, or a text that is too long or holds control characters.
        """
        given = {name: text for name, text in said.items() if text is not None}
        if path is None and not given:
            return None
        values = {} if path is None else read_toml(path)
        if path is not None:
            validated(cls, values, str(path))
        return validated_options(cls, values | given)

    @property
    def title(self) -> str:
        """Name, version and licence in one line."""
        named = " ".join(filter(None, (self.name, self.version))) or "a model without a name"
        return f"{named}, {f'licence {self.licence}' if self.licence else 'no licence stated'}"
