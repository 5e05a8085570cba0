"""Every command of the documentation is run, or the page says why not; and each names options that exist."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from cyclopts import App
from cyclopts.exceptions import CycloptsError, MissingArgumentError

pytest.importorskip("PySide6")

from once import made_once
from warm.runner import Runner

from cxr_desktop.cli import app as desktop
from cxr_export.cli import app as export
from cxr_shared.errors import CxrError
from cxr_trainer.cli import app as trainer
from cxr_trainer.recipe_files import parse_fields
from cxr_trainer.run_format import Metrics, RangeTest

from .pages import RUNNABLE, Page, commands, pages
from .sandbox import SETUPS, Sandbox

PAGES = pages()
APPS: dict[str, App] = {"cxr-trainer": trainer, "cxr-export": export, "cxr-desktop": desktop}
REFUSALS = (AssertionError, CxrError, CycloptsError)
by_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
by_running_page = pytest.mark.parametrize(
    "page", [page for page in PAGES if any(block.runs for block in page.blocks)], ids=lambda page: page.name
)


@pytest.fixture(scope="session")
def sandbox(tmp_path_factory: pytest.TempPathFactory, runner: Runner) -> Sandbox:
    if shutil.which("bash") is None:
        pytest.skip("there is no bash to run the pages' commands with")
    root = made_once(tmp_path_factory, "documentation", lambda root: Sandbox(root, runner).make())
    return Sandbox(root, runner)


def check(words: tuple[str, ...], *, whole: bool = True) -> None:
    """Parse a command line as the program does; raises where it would be refused.

    Without `whole` it may lack what the program needs: a sentence names a command and one of its options.
    """
    name, *rest = words
    app = APPS[name]
    if name == "cxr-desktop" and rest and rest[0].isidentifier():
        assert rest[0] in app, f"cxr-desktop has no command {rest[0]}"
    try:
        _, bound, _ = app.parse_args(rest, print_error=False, exit_on_error=False)
    except MissingArgumentError:
        if whole:
            raise
        return
    parse_fields(bound.arguments.get("fields", ()))


@by_page
def test_each_block_of_commands_is_run_or_says_why_not(page: Page) -> None:
    for block in page.command_blocks:
        if block.reason is None:
            assert block.language in RUNNABLE, f"{block.place}: {block.language} is not run, and nothing says why"
            assert block.script.strip(), f"{block.place}: nothing in it is a command"
        else:
            assert len(block.reason.split()) > 1, f"{block.place}: the reason is missing"


@by_page
def test_each_fence_names_its_language(page: Page) -> None:
    assert [block.place for block in page.blocks if not block.language] == []
    assert len(page.blocks) * 2 == sum(line.lstrip().startswith(("```", "~~~")) for line in page.text.splitlines())


@by_page
def test_what_a_page_asks_for_is_known(page: Page) -> None:
    assert set(page.setup) <= set(SETUPS)


@by_page
def test_each_command_and_option_exists(page: Page) -> None:
    for block in page.command_blocks:
        for words in commands(block.script):
            try:
                check(words)
            except REFUSALS as error:
                pytest.fail(f"{block.place}: {' '.join(words)}: {error}")
    for words in page.inline_commands:
        try:
            check(words, whole=False)
        except REFUSALS as error:
            pytest.fail(f"{page.name}: {' '.join(words)}: {error}")


def test_commands_are_found_in_a_script() -> None:
    script = (
        "CXR_DATA=x cxr-trainer fit \\\n  --disease hernia 2>&1 | tail -1 # 'a remark\ncat <<'E'\ncxr-trainer no\nE\n"
    )
    assert list(commands(script)) == [("cxr-trainer", "fit", "--disease", "hernia")]
    assert list(commands('for run in runs/*; do cxr-trainer report "$run"; done')) == [
        ("cxr-trainer", "report", "$run")
    ]


@pytest.mark.parametrize(
    "line",
    [
        "cxr-trainer fitt --disease hernia",
        "cxr-trainer fit --disease hernia --decay.epoch 3",
        "cxr-trainer schedule --diseases hernia",
        "cxr-export onnx runs --precision int8",
        "cxr-desktop triag films",
        "cxr-desktop triage films --html",
        "cxr-desktop triage films --provider gpu",
    ],
)
def test_a_command_line_that_is_refused_is_noticed(line: str) -> None:
    (words,) = commands(line)
    with pytest.raises(REFUSALS):
        check(words)


@pytest.mark.slow
@by_running_page
def test_the_commands_of_a_page_work(page: Page, sandbox: Sandbox, tmp_path: Path) -> None:
    sandbox.prepare(page, tmp_path)
    done = sandbox.run(page, tmp_path)
    assert done.returncode == 0, f"{done.returncode}\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
    assert "Traceback" not in done.stderr


@pytest.mark.slow
def test_the_files_of_a_run_are_as_described(sandbox: Sandbox) -> None:
    """A model leaves out what it does not know, so a file that comes back whole holds nothing else."""
    for run in sandbox.runs.iterdir():
        for name, model in (("metrics.json", Metrics), ("range_test.json", RangeTest)):
            text = (run / name).read_text("utf-8")
            read = model.model_validate_json(text)
            assert read.model_dump(mode="json", exclude_unset=True) == json.loads(text)
