"""What a store notes of a bundle, read from the manifest."""

from __future__ import annotations

from pen_mobile.contract.bundle_folder import BundleFolder
from pen_mobile.contract.head_state import parameter_bytes
from pen_mobile.phone.store.bundle_binding import BundleBinding


def binding_of(bundle: BundleFolder) -> BundleBinding:
    """Return what a store notes of a bundle, to know it again.

    Args:
        bundle: an opened bundle. One without a backbone is known by the hash of its source data.
    """
    manifest = bundle.manifest
    head, backbone = manifest.head, manifest.backbone
    program = None if backbone is None else manifest.files[backbone.file].sha256
    return BundleBinding(
        backbone=(backbone and backbone.identity) or program or manifest.source.data_digest,
        feature_size=head.feature_size,
        head_bytes=parameter_bytes(head),
        head=manifest.files[head.head_parameters].sha256,
        program=program,
        targets=tuple(manifest.targets),
        model=manifest.model or "",
        serial=manifest.serial or 0,
    )
