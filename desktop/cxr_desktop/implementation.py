"""How this program names itself in DICOM: Implementation Class UID and Version Name, PS3.7 D.3.3.2."""

from __future__ import annotations

from typing import Final

IMPLEMENTATION_UID: Final = "2.25.15400117371612459129410218612042139744"
IMPLEMENTATION_NAME: Final = "CXR_TRIAGE"
