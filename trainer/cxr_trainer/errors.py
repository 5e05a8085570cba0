"""What can go wrong in training that a person can act on.

::

    CxrError
    ├─ DataNotConfigured    no folder of films was named
    ├─ CatalogError         the label file is missing or is not NIH's
    ├─ CohortError          too few films or patients to train and test with
    ├─ RecipeError          a recipe field with a wrong name, type or value
    ├─ WeightsError         initial weights that cannot be had or do not fit
    ├─ CacheDamaged         rows of the film cache changed while a run read them
    ├─ RangeTestError       a loss curve that suggests no rate
    ├─ DeviceUnavailable    the device that was asked for is not there
    ├─ BenchError           the bench was asked for what it cannot measure
    ├─ ComparisonError      what cannot be compared, or a folder of another comparison
    ├─ RunError             a run directory that is unfinished, foreign or damaged
    ├─ RunBusy              another process makes this run
    ├─ StorageError         storage of runs that cannot be named or reached
    ├─ ClusterError         what a cluster cannot give, or a run that its workers cannot end
    └─ TrainingDiverged     the loss is no longer a number
"""

from pathlib import Path

from cxr_shared.errors import CxrError


class DataNotConfigured(CxrError):
    """No folder of films was named."""

    def __init__(self) -> None:
        super().__init__(
            "No films to train on: give --data DIR or set CXR_DATA. To get the NIH ChestX-ray14 set, download "
            "Data_Entry_2017_v2020.csv and images_001.tar.gz … images_012.tar.gz from "
            "https://nihcc.app.box.com/v/ChestXray-NIHCC, unpack them into one folder and name that folder. "
            "To try without it, make synthetic films: cxr-trainer phantoms phantoms/ --films 600 --seed 7"
        )


class CatalogError(CxrError):
    """The label file is missing or is not in NIH's layout."""


class CohortError(CxrError):
    """Too few films or patients to train and test with."""


class RecipeError(CxrError):
    """A recipe field with a wrong name, type or value."""


class WeightsError(CxrError):
    """Initial weights that cannot be had or do not fit the backbone."""


class CacheDamaged(CxrError):
    """Rows of the film cache are not what was written into them."""

    def __init__(self, path: Path, *, rows: int, reason: str = "its bytes differ from their checksum") -> None:
        films = "1 film" if rows == 1 else f"{rows:,} films"
        super().__init__(
            f"The film cache {path} is damaged: {films} cannot be used ({reason}). Go on with cxr-trainer resume, or "
            "run the same command again: damaged films are found at the start and read anew."
        )


class RangeTestError(CxrError):
    """A loss curve that suggests no learning rate."""


class DeviceUnavailable(CxrError):
    """The device that was asked for is not there."""


class BenchError(CxrError):
    """The bench was asked for what it cannot measure, or a process of it was ended."""


class ComparisonError(CxrError):
    """What cannot be compared, or a folder of another comparison."""


class RunError(CxrError):
    """A run directory that is unfinished, foreign or damaged."""


class RunBusy(CxrError):
    """Another process makes this run."""

    def __init__(self, name: str, *, host: str, pid: int) -> None:
        super().__init__(
            f"{name} is being made by another command (process {pid} on {host}). Wait for it, or stop it there, or "
            "name another --out."
        )


class StorageError(CxrError):
    """Storage of runs that cannot be named or reached."""


class ClusterError(CxrError):
    """What a cluster cannot give, or a run that its workers cannot end."""


class TrainingDiverged(CxrError):
    """The loss is no longer a finite number."""
