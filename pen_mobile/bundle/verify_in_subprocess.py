"""Verification in a process of its own: a program that somebody changed on purpose can end the process that runs it."""

from __future__ import annotations

from pen_mobile.bundle.verification import Verification
from pen_mobile.contract.bundle_folder import BundleFolder
from pen_mobile.errors import BundleError, PenMobileError
from pen_mobile.utils.subprocesses import Limits, Listener, SubprocessFailed, SubprocessKilled, run_in_subprocess

DEADLINE_S = 300.0
"""Some minutes more than the largest networks take on a busy machine."""

_MEGABYTES = 1500.0  # with torch and its threads; what the files need comes on top
_PER_BYTE = 4e-6  # a program is read, packed for the processor, and read again for its operators


def verify_in_subprocess(bundle: BundleFolder, deadline_s: float = DEADLINE_S) -> Verification:
    """Do as :func:`pen_mobile.bundle.verify.verify_bundle` does, within limits of time and memory.

    Args:
        bundle: an opened bundle.
        deadline_s: seconds after which the process is ended.

    Raises:
        BundleError: also where that would have ended this process, or never have ended.
    """
    size = sum(part.bytes for part in bundle.manifest.files.values())
    try:
        return run_in_subprocess(_verify, bundle, limits=Limits(deadline_s, _MEGABYTES + _PER_BYTE * size))
    except SubprocessKilled as error:
        raise BundleError(
            f"{bundle.origin}: a program of it broke the runtime ({error}), though its hashes fit: whoever sealed it "
            "changed it; take the bundle from its maker, and check the signature with --public-key"
        ) from None
    except SubprocessFailed as error:
        raise PenMobileError(f"{bundle.origin}: verification failed: {error}") from None


def _verify(bundle: BundleFolder, tell: Listener) -> Verification:
    from pen_mobile.bundle.verify import verify_bundle  # the parent needs none of what it imports

    return verify_bundle(bundle)
