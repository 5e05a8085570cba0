"""What can go wrong in training that a person can act on.

::

    CxrError
    ├─ DataNotConfigured    no folder of films was named
    ├─ CatalogError         the label file is missing or is not NIH's
    ├─ CohortError          too few films or patients to train and test with
    ├─ RecipeError          a recipe field with a wrong name, type or value
    ├─ WeightsError         initial weights that cannot be had or do not fit
    ├─ RangeTestError       a loss curve that suggests no rate
    ├─ DeviceUnavailable    the device that was asked for is not there
    ├─ ComparisonError      what cannot be compared, or a folder of another comparison
    ├─ RunError             a run directory that is unfinished, foreign or damaged
    └─ TrainingDiverged     the loss is no longer a number
"""

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


class RangeTestError(CxrError):
    """A loss curve that suggests no learning rate."""


class DeviceUnavailable(CxrError):
    """The device that was asked for is not there."""


class ComparisonError(CxrError):
    """What cannot be compared, or a folder of another comparison."""


class RunError(CxrError):
    """A run directory that is unfinished, foreign or damaged."""


class TrainingDiverged(CxrError):
    """The loss is no longer a finite number."""
