"""Make all pictures and figures of the documentation: ``make docs-pictures``.

Window and models are real. The films are phantoms; store, settings, plans and demo films lie in a temporary folder, so
nothing of the person who runs it is touched or shown. Each picture of the window is a PNG of 1400 × 880 with few
colours, so that the repository stays small. A picture that shows what it showed before is not written again.
"""

from __future__ import annotations

import io
import os
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeAlias

import cyclopts
import numpy as np
import pydicom
from docs_figures import FIGURES
from docs_material import make_bundle
from docs_pixels import keep_or_write

from cxr_desktop import app
from cxr_desktop.inference.lanes import Lane
from cxr_shared.findings import Target
from cxr_shared.opencv import cv2
from cxr_shared.phantom import write_phantoms

if TYPE_CHECKING:
    from PySide6.QtWidgets import QWidget

    from cxr_desktop.ui.widgets.viewer import FilmViewer
    from cxr_desktop.ui.window import MainWindow
    from cxr_desktop.worklist.row import Row

SIZE: Final = (1400, 880)
FILMS: Final = 36
SEED: Final = 8
MODELS_FILMS: Final = 2000
MODELS_SEED: Final = 77
"""Of the phantoms that the models are trained on, those of docs/bundles.md."""
ROOT: Final = Path(__file__).parents[2]
TIMEOUT_S: Final = 300.0
PNG_COLOURS: Final = 176
UI_PIXELS: Final = 60_000
"""So many pixels each of the theme's colours counts for in the palette, that a thin line keeps its own."""
MEDIASTINUM: Final = ((0.42, 0.28), (0.55, 0.28))
HEART: Final = ((0.31, 0.60), (0.765, 0.60))
THORAX: Final = ((0.125, 0.715), (0.88, 0.715))
MEASURES: Final = ("#7fc4c9", "#e0a3b4", "#a8c98a")
"""Colours of measurements."""
PLACES: Final = ("CXR_STORE", "CXR_SETTINGS", "CXR_PLANS", "CXR_DEMO", "CXR_UNPACKED", "CXR_NETWORK", "CXR_SPOOL")


class Studio:
    """The window, and where its pictures go."""

    def __init__(self, window: MainWindow, out: Path) -> None:
        self.window, self.out = window, out

    def act(self, name: str, *, on: bool | None = None) -> None:
        """Do what a menu entry does; `on` sets one that is checked or not."""
        action = self.window.actions_by_name[name]
        if on is None or action.isChecked() != on:
            action.trigger()
        turn(0.1)

    def open(self, row: Row) -> None:
        """Open a film and wait until it is shown, or until it is said why it is not."""
        films = self.window.table.films
        place = films.place(row)
        assert place is not None, "the film is not on the list"
        self.window.table.open(place)
        viewer = self.window.viewer
        turn_until(lambda: self.window.row is row and (viewer.shown_source == row.source or not _reading(viewer)))
        turn(0.3)

    def save(self, name: str, widget: QWidget | None = None) -> None:
        """Write a picture of the window, or of a dialog."""
        turn(0.3)
        save_small((widget or self.window), self.out / f"{name}.png")


def _reading(viewer: FilmViewer) -> bool:
    return viewer.shown_source is None and not viewer.message


def turn(seconds: float) -> None:
    """Let the window work for a while."""
    from PySide6.QtWidgets import QApplication

    end = time.monotonic() + seconds
    while time.monotonic() < end:
        QApplication.processEvents()
        time.sleep(0.01)


def turn_until(done: Callable[[], bool]) -> None:
    """Let the window work until something is done."""
    end = time.monotonic() + TIMEOUT_S
    while not done():
        turn(0.05)
        if time.monotonic() > end:
            raise TimeoutError("the window did not come to what was waited for")


def save_small(widget: QWidget, path: Path) -> None:
    """Write a widget as a PNG with a palette."""
    from PIL import Image
    from PySide6.QtGui import QImage

    from cxr_desktop.ui import theme

    image = widget.grab().toImage().convertToFormat(QImage.Format.Format_RGB888)
    data = image.constBits().tobytes()
    rows = Image.frombytes("RGB", (image.width(), image.height()), data, "raw", "RGB", image.bytesPerLine())
    swatches = [theme.ACCENT, theme.ALARM, theme.ALARM_TEXT, theme.CAUTION, theme.STRONG, theme.TEXT, *MEASURES]
    sample = Image.new("RGB", (rows.width, rows.height + len(swatches) * UI_PIXELS // rows.width))
    sample.paste(rows)
    for number, colour in enumerate(swatches):
        top = rows.height + number * UI_PIXELS // rows.width
        sample.paste(Image.new("RGB", (rows.width, UI_PIXELS // rows.width), colour), (0, top))
    palette = sample.quantize(PNG_COLOURS, method=Image.Quantize.MEDIANCUT)
    buffer = io.BytesIO()
    rows.quantize(palette=palette, dither=Image.Dither.NONE).save(buffer, "PNG", optimize=True)
    keep_or_write(path, buffer.getvalue())


def make_films(folder: Path) -> Path:
    """Write phantoms of several patients, and three files that must be refused, and return their folder."""
    images = write_phantoms(folder, films=FILMS, seed=SEED, dicom=True, workers=1).images
    raw = pydicom.dcmread(images[0])
    raw.PresentationIntentType = "FOR PROCESSING"
    raw.save_as(images[0].with_name("raw-detector-image.dcm"))
    images[0].with_name("cut-short.dcm").write_bytes(images[1].read_bytes()[:900_000])
    grey = np.asarray(pydicom.dcmread(images[2]).pixel_array // 16, np.uint8)
    cv2.imwrite(str(images[0].with_name("colour-picture.png")), cv2.applyColorMap(grey, cv2.COLORMAP_JET))
    return images[0].parent


def welcome(studio: Studio, _films: Path, bundle: Path) -> None:
    """The first start: no film and no bundle; the bundle is opened at the end."""
    studio.save("welcome")
    studio.window.desk.open_bundle(bundle)
    turn_until(lambda: studio.window.desk.loaded is not None)


def worklist(studio: Studio, films: Path, _bundle: Path) -> None:
    """The list in its lanes, the most urgent film with its heat map."""
    window = studio.window
    window.open_paths([films])
    turn_until(lambda: len(window.desk.sheet.rows) >= FILMS and not window.desk.sheet.count(Lane.WAITING))
    turn(0.5)
    window.list_actions.most_urgent()
    studio.open(_clear_case(studio))
    studio.save("worklist")


def contours(studio: Studio, _films: Path, _bundle: Path) -> None:
    """The heat map as lines."""
    studio.act("contours", on=True)
    studio.save("contours")
    studio.act("contours", on=False)


def reading(studio: Studio, _films: Path, _bundle: Path) -> None:
    """Opinions and a note on an abnormal film."""
    studio.open(_clear_case(studio))
    studio.act("agree")
    studio.act("next_target")
    studio.act("disagree")
    studio.act("previous_target")
    note = studio.window.side.reading.note
    note.setPlainText("Not on the prior. No shift of the mediastinum.")
    studio.window.side.reading.flush()
    studio.save("reading")


def compare(studio: Studio, _films: Path, _bundle: Path) -> None:
    """A film beside the patient's prior, both enlarged to the same place."""
    studio.open(_with_prior(studio))
    studio.act("compare", on=True)
    stage = studio.window.stage
    turn_until(lambda: stage.companion.view is not None)
    studio.act("zoom_in")
    studio.save("compare")
    studio.act("compare", on=False)
    studio.act("fit")


def measure(studio: Studio, _films: Path, _bundle: Path) -> None:
    """A distance and the cardiothoracic ratio."""
    studio.open(_of_finding(studio, Target.CARDIOMEGALY))
    studio.act("show_heat", on=False)
    studio.act("tool_ruler")
    _drag(studio.window.viewer, MEDIASTINUM[0], MEDIASTINUM[1])
    studio.act("tool_ratio")
    _drag(studio.window.viewer, HEART[0], HEART[1])
    _drag(studio.window.viewer, THORAX[0], THORAX[1])
    studio.save("measure")
    studio.act("tool_window")
    studio.act("show_heat", on=True)


def model_view(studio: Studio, _films: Path, _bundle: Path) -> None:
    """The pixels that the models were given."""
    studio.open(_clear_case(studio))
    studio.act("model_view", on=True)
    turn_until(lambda: studio.window.stage.companion.view is not None)
    studio.save("model-view")
    studio.act("model_view", on=False)


def blind_first(studio: Studio, _films: Path, _bundle: Path) -> None:
    """A film before the reader has committed."""
    studio.act("blind_first", on=True)
    unread = (row for row in studio.window.table.films.shown if row.scored and row.read is None)
    studio.open(next(row for row in unread if not studio.window.stage.book.of(row.source).items))
    studio.act("agree")
    studio.save("blind-first")
    studio.act("blind_first", on=False)


def hidden(studio: Studio, _films: Path, _bundle: Path) -> None:
    """Patient data hidden in list, title and film."""
    studio.act("hide_patients", on=True)
    studio.open(_of_lane(studio, Lane.ABNORMAL))
    studio.save("hidden")
    studio.act("hide_patients", on=False)


def refused(studio: Studio, _films: Path, _bundle: Path) -> None:
    """A file that is no film, with the reason."""
    studio.window.list.lanes.choose(Lane.REFUSED)
    studio.open(studio.window.table.films.shown[0])
    studio.save("refused")
    studio.window.list.lanes.choose(None)


def settings(studio: Studio, _films: Path, _bundle: Path) -> None:
    """The settings page."""
    studio.act("show_settings")
    _save_dialog(studio, "settings")


def find(studio: Studio, _films: Path, _bundle: Path) -> None:
    """Today's chest films in an archive, which is a real Orthanc; none where it is not installed."""
    from docs_archive import archive_of_today

    with archive_of_today(Path(os.environ["CXR_NETWORK"])) as running:
        if not running:
            return
        studio.window.network_actions.look()
        studio.act("find_in_archive")
        (dialog,) = studio.window.network_actions.finds
        dialog.search()
        turn_until(lambda: dialog.found.rowCount() and not dialog.is_busy)
        dialog.all.setChecked(True)
        _save_dialog(studio, "find")


def model_card(studio: Studio, _films: Path, _bundle: Path) -> None:
    """What is known of the bundle's models."""
    studio.act("show_bundle")
    _save_dialog(studio, "bundle")


Scene: TypeAlias = Callable[[Studio, Path, Path], None]
SCENES: Final[tuple[Scene, ...]] = (
    welcome,
    worklist,
    contours,
    reading,
    compare,
    measure,
    model_view,
    blind_first,
    hidden,
    refused,
    settings,
    find,
    model_card,
)


def _clear_case(studio: Studio) -> Row:
    """An urgent film on which little but its gravest finding fires."""
    rows = [row for row in studio.window.table.films.shown if row.lane is Lane.URGENT and row.scored]
    return min(rows, key=lambda row: (len(row.scored.urgency.positive) > 2 if row.scored else True, -row.urgency))


def _of_lane(studio: Studio, lane: Lane) -> Row:
    return next(row for row in studio.window.table.films.shown if row.lane is lane)


def _of_finding(studio: Studio, target: Target) -> Row:
    rows = [row for row in studio.window.desk.sheet.rows if row.scored]
    return max(rows, key=lambda row: row.scored.scores[target].probability if row.scored else 0.0)


def _with_prior(studio: Studio) -> Row:
    """The most urgent film of which the list holds an earlier one."""
    rows = studio.window.table.films.shown
    return next(
        row
        for row in rows
        if row.scored
        and any(
            each.identity.patient_id == row.identity.patient_id and each.identity.acquired < row.identity.acquired
            for each in rows
            if each.scored
        )
    )


def _drag(viewer: FilmViewer, start: tuple[float, float], end: tuple[float, float]) -> None:
    """Drag with the left button between two places, as fractions of the film's width and height."""
    from PySide6.QtCore import QEvent, QPoint, Qt
    from PySide6.QtTest import QTest

    assert viewer.view is not None
    rows, columns = viewer.view.shape
    points = [
        QPoint(*(round(each) for each in viewer.view_transform.to_screen(x * columns, y * rows)))
        for x, y in (start, end)
    ]
    QTest.mousePress(viewer, Qt.MouseButton.LeftButton, pos=points[0])
    QTest.mouseMove(viewer, points[1])
    turn(0.1)
    QTest.mouseRelease(viewer, Qt.MouseButton.LeftButton, pos=points[1])
    viewer.leaveEvent(QEvent(QEvent.Type.Leave))
    turn(0.1)


def _save_dialog(studio: Studio, name: str) -> None:
    from PySide6.QtWidgets import QDialog

    dialog: QDialog = next(each for each in studio.window.findChildren(QDialog) if each.isVisible())
    studio.save(name, dialog)
    dialog.close()
    turn(0.1)


@contextmanager
def _window(out: Path, place: Path) -> Iterator[Studio]:
    """The window as the program opens it, with places of its own."""
    os.environ.update({name: str(place / name.lower()) for name in PLACES})
    os.environ.pop("CXR_BUNDLE", None)
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    app.make_application()
    window = app.open_window()
    window.resize(*SIZE)
    try:
        yield Studio(window, out)
    finally:
        window.close()
        turn(0.1)


def main(
    bundle: Path | None = None,
    out: Path = ROOT / "docs" / "pictures",
    *,
    only: Sequence[str] = (),
    films: Path | None = None,
    material: Path = ROOT / "build" / "docs-pictures",
) -> None:
    """Make the pictures and figures.

    Parameters
    ----------
    bundle
        Models for all targets; by default they are trained on phantoms, which takes the better part of an hour.
    out
        Folder of the pictures.
    only
        Scenes and figures, by the names of their functions; of the scenes the first two are always made.
    films
        Where the phantoms to look at lie, and are drawn if they do not; by default a temporary folder.
    material
        Where phantoms, runs and the bundle are kept for the next time.
    """
    out.mkdir(parents=True, exist_ok=True)
    for figure in FIGURES:
        if not only or figure.__name__ in only:
            figure(out, material)
    scenes = [scene for scene in SCENES if not only or scene.__name__ in only]
    if scenes:
        models = bundle or make_bundle(material, films=MODELS_FILMS, seed=MODELS_SEED)
        _take(models, out, [*SCENES[:2], *(scene for scene in scenes if scene not in SCENES[:2])], films=films)


def _take(bundle: Path, out: Path, scenes: Sequence[Scene], *, films: Path | None) -> None:
    with tempfile.TemporaryDirectory(prefix="cxr-docs-") as place:
        folder = films or Path(place, "phantoms")
        images = folder / "images_001" / "images"
        if not images.is_dir():
            images = make_films(folder)
        with _window(out, Path(place)) as studio:
            for scene in scenes:
                scene(studio, images, bundle)


if __name__ == "__main__":
    cyclopts.run(main)
