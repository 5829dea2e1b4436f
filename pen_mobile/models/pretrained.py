"""Weights of a backbone: torchvision's for ImageNet, or a file, also one that wraps the weights."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.error import URLError

import torch
from torch import Tensor

from pen_mobile.errors import BadInput
from pen_mobile.utils.suggestions import choices

State = Mapping[str, Tensor]

IMAGENET = ("imagenet", "imagenet-v1", "imagenet-v2")
"""Names of torchvision's weights: what each network comes with, or its first or second version."""

_OF_PAPER = {"resnet50": "IMAGENET1K_V1"}  # of both versions the nearest to the weights of 2018
_WRAPPERS = ("state_dict", "model_state_dict", "model", "network", "net", "weights")
_PREFIXES = ("module.", "_orig_mod.", "model.", "network.", "net.", "backbone.", "encoder.")
_SAFE = "torch.save(model.state_dict(), 'weights.pth')"


def check_weights(weights: str) -> None:
    """Refuse weights that are not there, before any work is done.

    Args:
        weights: ``none``, one of :data:`IMAGENET` or a path.

    Raises:
        BadInput: no such file.
    """
    if weights not in ("none", *IMAGENET) and not Path(weights).is_file():
        raise BadInput(f"--weights {weights}: no such file; give none, imagenet or a .safetensors or .pth file")


def imagenet_weights(network: str, version: str = "imagenet") -> State:
    """Return torchvision's weights, downloaded once and checked against the hash in their name.

    Args:
        network: torchvision's name of the network.
        version: of :data:`IMAGENET`; ``imagenet`` is the first version of ResNet-50, the nearest to the paper's, and
            what torchvision recommends for other networks.

    Raises:
        BadInput: they cannot be downloaded, are damaged, or there is no such version.
    """
    from torchvision import models

    known = models.get_model_weights(network)
    wanted = _OF_PAPER.get(network, "DEFAULT") if version == "imagenet" else f"IMAGENET1K_{version[-2:].upper()}"
    if wanted not in known.__members__:
        names = [f"imagenet-{name[-2:].lower()}" for name in known.__members__ if name.startswith("IMAGENET1K_V")]
        raise BadInput(f"--weights {version}: torchvision has none of {network}; {choices(version, names)}")
    try:
        state: State = known[wanted].get_state_dict(progress=False, check_hash=True, weights_only=True)
    except (URLError, OSError, RuntimeError) as error:
        reason = str(getattr(error, "reason", error)).splitlines()[0]
        raise BadInput(
            f"--weights {version}: the weights of {network} could not be downloaded ({reason}); "
            "download them elsewhere and give --weights PATH, or use --weights none"
        ) from None
    return state


def weights_in(path: Path) -> State:
    """Return the weights in a file; pickles of anything but tensors are not opened.

    Args:
        path: ``.safetensors``, or what ``torch.save`` wrote.

    Raises:
        BadInput: the file is missing, not readable, a pickled module, or holds no weights.
    """
    check_weights(str(path))
    try:
        found = _read(path)
    except Exception as error:  # noqa: BLE001  each format's parser raises its own family
        raise BadInput(f"--weights {path}: not a readable weights file: {_reason(error)}") from None
    state = _unwrapped(found)
    if state is None:
        raise BadInput(f"--weights {path}: not a readable weights file: it holds no tensors by name; save {_SAFE}")
    return state


def _read(path: Path) -> Any:
    if path.suffix.lower() == ".safetensors":
        from safetensors.torch import load_file

        return load_file(path)
    return torch.load(path, map_location="cpu", weights_only=True)


def _reason(error: Exception) -> str:
    if "weights_only" in str(error) or "Weights only load failed" in str(error):
        return f"it is a pickle of Python objects, which could run any program; save the state_dict instead: {_SAFE}"
    return (str(error) or type(error).__name__).splitlines()[0]


def _unwrapped(found: Any) -> State | None:
    """Return the tensors by name inside dictionaries of a training framework."""
    for _ in range(len(_WRAPPERS)):
        if not isinstance(found, Mapping) or not found:
            return None
        inner = next((found[key] for key in _WRAPPERS if isinstance(found.get(key), Mapping)), None)
        if inner is None:
            break
        found = inner
    tensors = {str(key): value for key, value in found.items() if isinstance(value, Tensor)}
    return tensors or None


def fitting(state: State, wanted: State, classifier: tuple[str, ...], network: str, origin: str) -> dict[str, Tensor]:
    """Return the weights under the network's own names, without its classifier.

    Args:
        state: as read; names may have prefixes such as ``module.`` or ``backbone.``.
        wanted: the network's own state.
        classifier: beginnings of the names of classifiers, which are left out.
        network: name, for messages.
        origin: where the weights are from, for messages.

    Raises:
        BadInput: a name or shape does not fit, or a weight is not finite.
    """
    found = _without_prefixes(state, wanted)
    known = {key: tensor for key, tensor in found.items() if not key.startswith(classifier)}
    missing = sorted(set(wanted) - set(known))
    unknown = sorted(set(known) - set(wanted))
    wrong = sorted(key for key in set(wanted) & set(known) if wanted[key].shape != known[key].shape)
    for what, keys in (("lacks", missing), ("has an unknown", unknown), ("has another shape of", wrong)):
        if keys:
            raise BadInput(f"{origin}: not the weights of {network}: {what} {keys[0]} ({len(keys)} in all)")
    broken = sorted(key for key, tensor in known.items() if tensor.is_floating_point() and not tensor.isfinite().all())
    if broken:
        raise BadInput(f"{origin}: {broken[0]} holds NaN or infinity ({len(broken)} such weights in all)")
    return known


def _without_prefixes(state: State, wanted: State) -> State:
    """Strip prefixes that all or most names share, as long as that brings more of the wanted names."""
    while True:
        fits = len(set(state) & set(wanted))
        shorter = [_stripped(state, prefix) for prefix in _PREFIXES if any(key.startswith(prefix) for key in state)]
        better = max(shorter, key=lambda one: len(set(one) & set(wanted)), default=state)
        nested = [one for one in shorter if any(key.startswith(_PREFIXES) for key in one)]
        if len(set(better) & set(wanted)) > fits:
            state = better
        elif fits == 0 and nested:
            state = nested[0]
        else:
            return state


def _stripped(state: State, prefix: str) -> State:
    """Return the weights below a prefix; others, such as those of a head beside the backbone, are left out."""
    return {key.removeprefix(prefix): tensor for key, tensor in state.items() if key.startswith(prefix)}
