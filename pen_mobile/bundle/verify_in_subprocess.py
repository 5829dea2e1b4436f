"""Verification in a process of its own: a program that somebody changed on purpose can end the process that runs it."""

from __future__ import annotations

from pen_mobile.bundle.verification import Verification
from pen_mobile.contract.bundle_folder import BundleFolder
from pen_mobile.errors import BundleError, PenMobileError
from pen_mobile.utils.subprocesses import Listener, SubprocessFailed, SubprocessKilled, run_in_subprocess


def verify_in_subprocess(bundle: BundleFolder) -> Verification:
    """Do as :func:`pen_mobile.bundle.verify.verify_bundle` does.

    Raises:
        BundleError: also where that would have ended this process.
    """
    try:
        return run_in_subprocess(_verify, bundle)
    except SubprocessKilled as error:
        raise BundleError(
            f"{bundle.origin}: a program of it broke the runtime ({error}), though its hashes fit: whoever sealed it "
            "changed it; take the bundle from its maker, and check his signature with --public-key"
        ) from None
    except SubprocessFailed as error:
        raise PenMobileError(f"{bundle.origin}: verification failed: {error}") from None


def _verify(bundle: BundleFolder, tell: Listener) -> Verification:
    from pen_mobile.bundle.verify import verify_bundle  # the parent needs none of what it imports

    return verify_bundle(bundle)
