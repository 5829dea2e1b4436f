"""Results as pandas data frames, where pandas is installed."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any, ClassVar

from pen_mobile.errors import BadInput

if TYPE_CHECKING:
    from pandas import DataFrame


class Tabular:
    """A result with one list of rows in :meth:`to_dict`.

    Attributes:
        rows_key: the name of the list.
    """

    rows_key: ClassVar[str]

    def to_dict(self) -> dict[str, Any]:
        """Return everything as plain values."""
        raise NotImplementedError

    def to_frame(self) -> DataFrame:
        """Return the rows as a pandas data frame; what is nested becomes a column such as ``before.ccc_valence``.

        Raises:
            BadInput: pandas is not installed.
        """
        return pandas().json_normalize(self.to_dict()[self.rows_key])


def pandas() -> Any:
    """Return the package pandas.

    Raises:
        BadInput: it is not installed.
    """
    try:
        return importlib.import_module("pandas")
    except ImportError:
        raise BadInput("a data frame needs pandas: pip install pandas") from None
