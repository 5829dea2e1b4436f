"""How large a bundle may be: enough for the networks that phones run, too little to fill one."""

from __future__ import annotations

MAX_FILES = 64
MAX_ADAPTATION_STEPS = 100_000
"""Of one training on a phone; hundreds are usual."""
MAX_BYTES = 1 << 30
"""Of all files together."""
MAX_MANIFEST_BYTES = 1 << 20
MAX_SEAL_BYTES = 128
MAX_SIGNATURE_BYTES = 80
"""An ECDSA P-256 signature in DER is 72 bytes at most."""
