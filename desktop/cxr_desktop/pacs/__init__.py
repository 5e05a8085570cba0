"""The clinic's network: receiving, fetching and returning by DICOM and DICOMweb; off until turned on. No Qt."""
