"""Lightning Fabric: on which devices, and with which precision, networks train."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pen_mobile.errors import BadInput
from pen_mobile.utils.library_patches import import_fabric

if TYPE_CHECKING:
    from lightning_fabric import Fabric as Fabric
else:
    Fabric = import_fabric().Fabric


def make_fabric(device: str = "auto", devices: int = 1, precision: str = "32-true") -> Fabric:
    """Return a launched Lightning Fabric.

    Args:
        device: ``auto``, ``cpu``, ``cuda`` or ``mps``.
        devices: how many of them; more than one trains data-parallel.
        precision: such as ``32-true`` or ``bf16-mixed``.

    Raises:
        BadInput: this machine has no such device, or does not know the precision.
    """
    from lightning_fabric.utilities.exceptions import MisconfigurationException

    try:
        fabric = Fabric(accelerator=device, devices=devices, precision=precision)  # type: ignore[arg-type]
    except (ValueError, RuntimeError, MisconfigurationException) as error:
        reason = str(error).splitlines()[0]
        raise BadInput(f"--device {device} --devices {devices} --precision {precision}: {reason}") from None
    fabric.launch()
    return fabric
