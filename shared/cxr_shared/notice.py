"""What everything that is shown or written says of itself."""

from __future__ import annotations

from typing import Final

NOT_FOR_CLINICAL_USE: Final = "NOT FOR CLINICAL USE"
NOTICE: Final = f"Research use only. {NOT_FOR_CLINICAL_USE}."
