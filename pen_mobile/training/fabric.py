"""Lightning Fabric: on which devices, and with which precision, networks train.

It is imported where it is used: heads of given features learn on a processor without it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from pen_mobile.errors import BadInput
from pen_mobile.utils.library_patches import import_fabric

if TYPE_CHECKING:
    from lightning_fabric import Fabric


def make_fabric(device: str = "auto", devices: int = 1, precision: str = "32-true") -> Fabric:
    """Return a launched Lightning Fabric.

    Args:
        device: ``auto``, ``cpu``, ``cuda`` or ``mps``.
        devices: how many of them; more than one trains data-parallel.
        precision: such as ``32-true`` or ``bf16-mixed``.

    Raises:
        BadInput: this machine has no such device, or does not know the precision.
    """
    fabric_class = import_fabric().Fabric
    from lightning_fabric.utilities.exceptions import MisconfigurationException

    try:
        fabric: Fabric = fabric_class(accelerator=device, devices=devices, precision=precision)
    except (ValueError, RuntimeError, MisconfigurationException) as error:
        reason = str(error).splitlines()[0]
        raise BadInput(f"--device {device} --devices {devices} --precision {precision}: {reason}") from None
    fabric.launch()
    return fabric


def fabric_beyond_cpu(device: str = "auto", devices: int = 1, precision: str = "32-true") -> Fabric | None:
    """Return a launched Lightning Fabric, or None for one processor with full precision.

    Args:
        device, devices, precision: as in :func:`make_fabric`.

    Raises:
        BadInput: as in :func:`make_fabric`.
    """
    on_cpu = device == "cpu" or (device == "auto" and not torch.accelerator.is_available())
    return None if on_cpu and devices == 1 and precision == "32-true" else make_fabric(device, devices, precision)
