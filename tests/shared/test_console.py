"""What the command lines turn errors into."""

from __future__ import annotations

import subprocess
import sys

import pytest

from cxr_shared.console import run_command
from cxr_shared.errors import CxrError


def _raising(error: BaseException):
    def app() -> None:
        raise error

    return app


def test_a_known_fault_is_one_sentence_and_exit_code_1(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command(_raising(CxrError("The disk is full. Free some.")), extra="trainer") == 1
    assert capsys.readouterr().err == "error: The disk is full. Free some.\n"


@pytest.mark.parametrize(
    ("module", "extra"),
    [("torch", "trainer"), ("PySide6.QtGui", "desktop"), ("onnxruntime", "export"), ("onnx", "export")],
)
def test_a_missing_extra_is_the_line_that_installs_it(
    module: str, extra: str, capsys: pytest.CaptureFixture[str]
) -> None:
    error = ModuleNotFoundError(f"No module named '{module}'", name=module)
    assert run_command(_raising(error), extra="export") == 1
    assert f"pip install 'cxr-triage[{extra}]'" in capsys.readouterr().err


def test_a_missing_system_library_is_named_with_its_package(capsys: pytest.CaptureFixture[str]) -> None:
    error = ImportError("libGL.so.1: cannot open shared object file: No such file or directory")
    assert run_command(_raising(error), extra="desktop") == 1
    printed = capsys.readouterr().err
    assert "libGL.so.1" in printed
    assert "apt-get install libgl1" in printed


def test_other_missing_modules_are_our_own_fault_and_not_hidden() -> None:
    with pytest.raises(ModuleNotFoundError):
        run_command(_raising(ModuleNotFoundError("x", name="cxr_shared.nothing")), extra="trainer")


def test_ctrl_c_and_results(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command(_raising(KeyboardInterrupt()), extra="trainer") == 130
    assert run_command(lambda: 3, extra="trainer") == 3
    assert run_command(lambda: None, extra="trainer") == 0
    capsys.readouterr()


def test_opencv_leaves_qts_plugin_path_alone() -> None:
    code = (
        "import os; os.environ.pop('QT_QPA_PLATFORM_PLUGIN_PATH', None); os.environ['QT_QPA_FONTDIR'] = '/mine'; "
        "from cxr_shared.opencv import cv2; "
        "assert 'QT_QPA_PLATFORM_PLUGIN_PATH' not in os.environ; assert os.environ['QT_QPA_FONTDIR'] == '/mine'"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
