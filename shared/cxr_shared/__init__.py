"""What trainer, export and desktop must agree on: findings, films, model pixels, the bundle format."""

from importlib import metadata

from cxr_shared import telemetry

telemetry.refuse()

try:
    __version__ = metadata.version("cxr-triage")
except metadata.PackageNotFoundError:  # a source tree on sys.path that was never installed
    __version__ = "0+uninstalled"
