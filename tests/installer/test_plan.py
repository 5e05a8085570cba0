"""What goes into the frozen program on each system; the branches of Windows and macOS are decided here, on Linux."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cxr_desktop import children
from cxr_installer import plan
from cxr_installer.stamp import ROOT


def test_each_system_has_its_own_branch() -> None:
    linux, windows, mac = (plan.plan_for(each) for each in ("linux", "win32", "darwin"))
    assert (linux.windowed, linux.version_info, linux.app_bundle) == (False, False, False)
    assert (windows.windowed, windows.version_info, windows.icon) == (True, True, "cxr-triage.ico")
    assert (mac.windowed, mac.app_bundle, mac.icon) == (True, True, "cxr-triage.icns")
    assert linux.hidden_imports == windows.hidden_imports == mac.hidden_imports


def test_an_unknown_system_is_named() -> None:
    with pytest.raises(ValueError, match="freebsd14"):
        plan.plan_for("freebsd14")


def test_every_module_that_runs_as_a_process_goes_along() -> None:
    assert set(children.MODULES) <= set(plan.plan_for("linux").hidden_imports)


def test_no_module_of_ours_starts_python_by_itself() -> None:
    """A frozen program has no Python: `sys.executable -m` works only through `children`."""
    for path in sorted((ROOT / "desktop").rglob("*.py")) + sorted((ROOT / "shared").rglob("*.py")):
        names = {
            f"{node.value.id}.{node.attr}"
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name)
        }
        if "sys.executable" in names:
            assert path.name in ("children.py", "addon.py"), path


@pytest.mark.parametrize(
    "kept",
    [
        "PySide6/Qt/lib/libQt6Core.so.6",
        "PySide6/Qt/plugins/platforms/libqxcb.so",
        "PySide6/Qt/plugins/platforms/libqoffscreen.so",
        "PySide6/QtWidgets.abi3.so",
        "PySide6\\Qt6Gui.dll",
        "PySide6\\plugins\\platforms\\qwindows.dll",
        "PySide6\\plugins\\styles\\qmodernwindowsstyle.dll",
        "PySide6/Qt/lib/libicudata.so.73",
        "PySide6/libpyside6.abi3.so.6.11",
        "PySide6/Qt/plugins/iconengines/libqsvgicon.so",
        "numpy/_core/_multiarray_umath.so",
        "tests.py",
    ],
)
def test_what_the_window_needs_stays(kept: str) -> None:
    assert plan.needed(kept)


@pytest.mark.parametrize(
    "dropped",
    [
        "PySide6/Qt/lib/libQt6Network.so.6",
        "PySide6/Qt/lib/libQt6Qml.so.6",
        "PySide6\\Qt6Quick.dll",
        "PySide6/QtNetwork.abi3.so",
        "PySide6/Qt/qml/QtQuick/plugin.so",
        "PySide6/Qt/translations/qtbase_de.qm",
        "PySide6/Qt/plugins/platforms/libqeglfs.so",
        "PySide6/Qt/plugins/platformthemes/libqgtk3.so",
        "PySide6/Qt/plugins/tls/libqopensslbackend.so",
        "PySide6/Qt/plugins/networkinformation/libqnetworkmanager.so",
        "numpy/tests/data.npy",
        "PySide6/Qt/lib/QtNetwork.framework/Versions/A/Resources/Info.plist",
    ],
)
def test_what_the_window_never_asks_for_goes(dropped: str) -> None:
    assert not plan.needed(dropped)


@given(st.sampled_from(plan.FORBIDDEN), st.sampled_from(["", "_internal/"]), st.sampled_from([".nn", "/lib/x.so", ""]))
def test_a_package_that_must_not_be_there_is_found(name: str, before: str, after: str) -> None:
    assert plan.forbidden_in([before + name + after, "onnxruntime/capi/x.so"]) == [before + name + after]


def test_names_that_only_look_like_it_pass() -> None:
    assert plan.forbidden_in(["torchlight/x.py", "cxr_desktop.torch", "_internal/numpy/torch.py"]) == []


def test_only_pythons_own_libraries_of_the_system_go_along() -> None:
    prefixes = ["/build/env", "/opt/python3.11"]
    assert not plan.from_host("/build/env/lib/x.so", prefixes=prefixes)
    assert plan.from_host("/usr/lib/x86_64-linux-gnu/libX11.so.6", prefixes=prefixes)
    assert plan.from_host("/build/environment/x.so", prefixes=prefixes)
    assert plan.from_host("/usr/lib/x86_64-linux-gnu/libX11.so.6", prefixes=["/usr"])
    assert not plan.from_host("/usr/lib/python3.11/lib-dynload/_ssl.so", prefixes=["/usr"])
    assert plan.host_needed("libpython3.11.so.1.0")
    assert plan.host_needed("libcrypto.so.3")
    assert not plan.host_needed("libX11.so.6")
    assert not plan.host_needed("libstdc++.so.6")


def test_on_windows_onnxruntime_comes_first(tmp_path: Path) -> None:
    """The hook loads the collection's own DLL by its full path, before the program and so before Qt."""
    library = tmp_path / "onnxruntime" / "capi" / "onnxruntime.dll"
    library.parent.mkdir(parents=True)
    library.touch()
    hook = ROOT / "installer" / "hooks" / "onnxruntime_first.py"
    program = (
        "import sys, ctypes, runpy\n"
        "loaded = []\n"
        "sys.platform, sys._MEIPASS, ctypes.WinDLL = 'win32', sys.argv[1], loaded.append\n"
        "runpy.run_path(sys.argv[2])\n"
        "print(*loaded)\n"
    )
    command = [sys.executable, "-c", program, str(tmp_path), str(hook)]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip() == str(library)


def test_the_spec_is_python_and_takes_the_plan() -> None:
    tree = ast.parse((ROOT / "installer" / "cxr-desktop.spec").read_text(encoding="utf-8"))
    called = {node.func.id for node in ast.walk(tree) if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)}
    assert {"Analysis", "PYZ", "EXE", "COLLECT", "BUNDLE"} <= called
    upx = [word for node in ast.walk(tree) if isinstance(node, ast.Call) for word in node.keywords if word.arg == "upx"]
    assert len(upx) == 2
    assert all(isinstance(word.value, ast.Constant) and word.value.value is False for word in upx)
