"""What is said of a film as DICOM objects in the film's own study. No Qt here.

`export.write_dicom` is the way in. Nothing is imported here: highdicom takes a second to load, and only an export that
was asked for needs it.
"""
