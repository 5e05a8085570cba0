"""What is said of a film as DICOM objects in the film's own study. No Qt here."""

from cxr_desktop.report.dicom.export import DicomExport, write_dicom
from cxr_desktop.report.dicom.source import NoStudyError

__all__ = ["DicomExport", "NoStudyError", "write_dicom"]
