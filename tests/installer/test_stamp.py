"""The version in every form that a system wants it in."""

from __future__ import annotations

import subprocess

import pytest
from programs import needed

from cxr_installer import stamp


def test_the_version_is_that_of_the_project() -> None:
    text = (stamp.ROOT / "pyproject.toml").read_text(encoding="utf-8")
    assert f'\nversion = "{stamp.version()}"\n' in text


@pytest.mark.parametrize(
    ("text", "numbers"),
    [("1.2.3", (1, 2, 3, 0)), ("1.2.3rc1", (1, 2, 3, 0)), ("0.1", (0, 1, 0, 0)), ("1.2.3.4.5", (1, 2, 3, 4))],
)
def test_windows_wants_four_numbers(text: str, numbers: tuple[int, ...]) -> None:
    assert stamp.four_numbers(text) == numbers


@pytest.mark.parametrize(
    ("text", "debian"),
    [("1.2.0", "1.2.0"), ("1.2.0rc1", "1.2.0~rc1"), ("1.2.0.dev3", "1.2.0~dev3"), ("2.0a1", "2.0~a1")],
)
def test_debian_sorts_a_pre_release_before_its_release(text: str, debian: str) -> None:
    assert stamp.debian_version(text) == debian


def test_dpkg_agrees_about_the_order() -> None:
    dpkg = needed("dpkg", package="dpkg")
    done = subprocess.run([dpkg, "--compare-versions", "1.2.0~rc1", "lt", "1.2.0"], check=False)
    assert done.returncode == 0
