"""Which bundles a site lets run: with CXR_BUNDLE_KEY set, those alone that its key signed."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

from cxr_shared.bundle import Bundle, open_bundle

KEY_VARIABLE: Final = "CXR_BUNDLE_KEY"


def open_trusted(path: Path) -> Bundle:
    """Open a bundle; where CXR_BUNDLE_KEY names a public key, it must be signed with that key's private one.

    Raises
    ------
    BundleError
        It must not be used; `SignatureRefused` where it is not signed, or by another.
    KeyUnusable
        CXR_BUNDLE_KEY names no public key.
    """
    bundle = open_bundle(path)
    key = os.environ.get(KEY_VARIABLE)
    if key:
        from cxr_shared.bundle.signing import require_key

        require_key(path, bundle.signature, Path(key))
    return bundle
