"""What the model saw of a film: the very pixels, made again by the one pixel path in a decoding process."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QObject, Signal

from cxr_desktop.intake.pool import Pool
from cxr_desktop.intake.prepared import NotRead, Prepared
from cxr_desktop.ui.i18n import tr
from cxr_desktop.ui.mailbox import Background, Mailbox
from cxr_shared.bundle import InputSpec
from cxr_shared.pixels import PIXEL_PATH_VERSION


class ModelInputs(QObject):
    """Makes model inputs in the background, in a process that starts with the first.

    Parameters
    ----------
    pool
        Decodes the films; closed with this.

    Signals
    -------
    made
        (Path, (S, S) uint8 array, str): a film's model input, and what it is.
    not_made
        (Path, str): it cannot be made, and why.
    """

    made = Signal(object, object, str)
    not_made = Signal(object, str)

    def __init__(self, pool: Pool, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._mailbox = Mailbox(self)
        self._background = Background(self._mailbox)
        self._pool = pool

    def request(self, path: Path, spec: InputSpec) -> None:
        """Make what a bundle with this input sees of a film."""
        self._background.run(
            lambda: self._make(path, spec),
            success=lambda result: self._take(path, result),
            failure=lambda words: self.not_made.emit(path, words),
        )

    def close(self) -> None:
        """End its threads and close its pool; nothing is sent after."""
        self._mailbox.close()
        self._pool.close()
        self._background.close()

    def _make(self, path: Path, spec: InputSpec) -> Prepared | NotRead | None:
        return next((result for ready in self._pool.prepare([path], spec) for result in ready), None)

    def _take(self, path: Path, result: Prepared | NotRead | None) -> None:
        if isinstance(result, Prepared):
            rows, columns = result.pixels.shape
            words = tr(
                "{columns}×{rows} pixels of 8 bits, pixel path version {version}",
                columns=columns,
                rows=rows,
                version=PIXEL_PATH_VERSION,
            )
            self.made.emit(path, result.pixels, words)
        elif isinstance(result, NotRead):
            self.not_made.emit(path, tr("No model has seen this film. {reason}", reason=result.message))
