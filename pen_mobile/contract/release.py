"""Which bundle of a model one is: a name, and a number that only rises."""

from __future__ import annotations

from pen_mobile.contract.part import ModelName, Part, Serial
from pen_mobile.errors import BadInput
from pen_mobile.utils.validation import validated_options


class Release(Part):
    """Name of a model, and the number of a bundle among its bundles."""

    model: ModelName
    serial: Serial

    @classmethod
    def of(cls, model: str | None, serial: int | None) -> Release | None:
        """Return the release that two options name, or None where neither is given.

        Args:
            model: name of the model.
            serial: number of the bundle.

        Raises:
            BadInput: one is given without the other, or is no such name or number.
        """
        if model is None and serial is None:
            return None
        if model is None or serial is None:
            raise BadInput("model and serial go together: a store refuses older bundles of a model by their serial")
        return validated_options(cls, {"model": model, "serial": serial})
