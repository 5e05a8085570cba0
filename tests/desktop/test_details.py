"""What may be passed on of a fault."""

from __future__ import annotations

import pytest

pytest.importorskip("PySide6")

from cxr_desktop.ui.details import redact


@pytest.mark.parametrize(
    ("sentence", "private", "expected"),
    [
        ("The disk is full. Free some space.", [], "The disk is full. Free some space."),
        ("/home/x/a.cxr is not a sound bundle.", [], "[…] is not a sound bundle."),
        ("Could not write C:\\Users\\Jane Doe\\w.json: denied.", [], "Could not write […]: denied."),
        ("In /a/Jane van Doe/x.png something is wrong. Try again.", [], "In […] something is wrong. Try again."),
        ("Jane Doe cannot be read.", ["Jane Doe", "Doe"], "[…] cannot be read."),
        ("Film 4711 was not kept.", ["4711"], "Film […] was not kept."),
        ("It took 4711.5 ms.", [], "It took 4711.5 ms."),
        (
            "Settings were put aside as settings.json.damaged; set them again.",
            [],
            "Settings were put aside as […]; set them again.",
        ),
    ],
)
def test_names_and_paths_are_left_out(sentence: str, private: list[str], expected: str) -> None:
    assert redact(sentence, private) == expected
