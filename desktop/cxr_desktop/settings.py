"""What a person set, kept between starts in one JSON file. No Qt."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Annotated, Final

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from cxr_desktop.inference.lanes import DEFAULT_POLICY, TriagePolicy
from cxr_shared.errors import CxrError
from cxr_shared.files import write_text
from cxr_shared.findings import Target
from cxr_shared.places import Kept, own_place

Share = Annotated[float, Field(ge=0, le=1)]


class SettingsDamagedError(CxrError):
    """The settings file could not be read; the defaults are used and the file is kept aside."""


class Policy(BaseModel):
    """`TriagePolicy` as it is written."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    weights: dict[Target, Share] = Field(default_factory=dict)
    urgent_from: Share = DEFAULT_POLICY.urgent_from
    ageing_hours: Annotated[float, Field(ge=0, le=8760)] = DEFAULT_POLICY.ageing_hours


class Layout(BaseModel):
    """Where things stand in the window, as Qt writes it, in base64; empty for the first time."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    geometry: str = ""
    splitter: str = ""
    header: str = ""


class Settings(BaseModel):
    """Everything that is kept between starts, but for films and readings.

    Attributes
    ----------
    bundle
        Opened at the start, unless another is named.
    bundle_sha256
        Its hash: whose scores are shown while it is being opened.
    policy
        Weights of findings, from where a film is urgent, and ageing.
    blind_first
        Whether scores are hidden until the reader commits.
    hide_patients
        Whether patient data are hidden.
    layout
        Where things stand in the window.
    """

    model_config = ConfigDict(extra="ignore", frozen=True)

    bundle: Path | None = None
    bundle_sha256: str = ""
    policy: Policy = Policy()
    blind_first: bool = False
    hide_patients: bool = False
    layout: Layout = Layout()

    @property
    def triage_policy(self) -> TriagePolicy:
        """The policy as triage takes it."""
        return TriagePolicy(dict(self.policy.weights), self.policy.urgent_from, self.policy.ageing_hours)

    def with_policy(self, policy: TriagePolicy) -> Settings:
        """Return these settings with another policy."""
        written = Policy(weights=dict(policy.weights), urgent_from=policy.urgent_from, ageing_hours=policy.ageing_hours)
        return self.model_copy(update={"policy": written})


SETTINGS_VARIABLE: Final = "CXR_SETTINGS"


def settings_path() -> Path:
    """Return where settings are kept: CXR_SETTINGS, else the system's place for them."""
    return own_place("settings.json", kept=Kept.SETTINGS, variable=SETTINGS_VARIABLE)


def load_settings(path: Path) -> Settings:
    """Read settings; the defaults where there are none.

    Raises
    ------
    SettingsDamagedError
        The file cannot be read. It is moved aside, so that the next start has the defaults.
    """
    try:
        return Settings.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        return Settings()
    except (OSError, ValidationError) as error:
        aside = path.with_name(f"{path.name}.damaged")
        with contextlib.suppress(OSError):
            path.replace(aside)
        raise SettingsDamagedError(
            f"The settings in {path} could not be read and were put aside as {aside.name}; the defaults are used. "
            "Set again what you need."
        ) from error


def save_settings(path: Path, settings: Settings) -> None:
    """Write settings atomically.

    Raises
    ------
    OutputError
        The file could not be written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    write_text(path, settings.model_dump_json(indent=2) + "\n")
