from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from cxr_desktop.inference.engine import Engine
from cxr_desktop.inference.kinds import COREML, CPU, CUDA, DIRECTML, KINDS, OPENVINO, TENSORRT, Kind, Wanted
from cxr_desktop.inference.providers import (
    Proof,
    ProviderRefusedError,
    best_of,
    choose_provider,
    judge_all,
    prove_in_child,
    read_proof,
)
from cxr_desktop.inference.reference import logits_of, reference_film
from cxr_shared.bundle import Bundle

OFFERED = (CUDA.ort, CPU.ort)


def _true_logits(bundle: Bundle, *, off: float = 0.0) -> dict[str, float]:
    outputs = Engine(bundle, threads=1).score(reference_film(bundle.manifest.input.size))
    return {slug: logit + off for slug, logit in logits_of(outputs).items()}


def test_cuda_is_used_when_a_child_proved_it_and_agrees(bundle: Bundle) -> None:
    proof = Proof(_true_logits(bundle, off=5e-4), seconds=2.0)
    provider = choose_provider(bundle, prove=lambda *_: proof, offered=OFFERED)
    assert (provider.name, provider.kind, provider.best) == ("CUDA", CUDA, True)
    assert "proved on a test film in 2.0 s" in provider.reason


@pytest.mark.parametrize(
    ("proof", "words"),
    [
        (Proof({}, 1.0, "no NVIDIA driver"), "no NVIDIA driver"),
        (Proof({}, 1.0), "gave no score for"),
        (Proof({"pneumothorax": float("nan"), "effusion": 0.0}, 1.0), "off the CPU's"),
        (Proof({"pneumothorax": 1e3, "effusion": 0.0}, 1.0), "off the CPU's"),
    ],
)
def test_the_cpu_runs_and_says_why_not_cuda(bundle: Bundle, proof: Proof, words: str) -> None:
    provider = choose_provider(bundle, prove=lambda *_: proof, offered=OFFERED)
    assert (provider.name, provider.best) == ("CPU", False)
    assert words in provider.reason


def test_without_a_cuda_provider_no_process_is_started(bundle: Bundle) -> None:
    def prove(*_: object) -> Proof:
        raise AssertionError

    provider = choose_provider(bundle, prove=prove, offered=(CPU.ort,))
    assert "onnxruntime offers no CUDA provider" in provider.reason


def test_cuda_that_was_asked_for_is_never_replaced_silently(bundle: Bundle) -> None:
    with pytest.raises(ProviderRefusedError, match="no NVIDIA driver"):
        choose_provider(bundle, Wanted.CUDA, prove=lambda *_: Proof({}, 1.0, "no NVIDIA driver"), offered=OFFERED)


def test_the_cpu_that_was_asked_for_needs_no_proof(bundle: Bundle) -> None:
    assert choose_provider(bundle, Wanted.CPU, offered=OFFERED).reason == "as asked"


@pytest.mark.skipif(Path("/proc/driver/nvidia").exists(), reason="this machine has an NVIDIA driver")
def test_the_real_child_refuses_on_this_machine_in_words_and_silently(bundle: Bundle) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "cxr_desktop.inference.probe", "cuda", str(bundle.path), bundle.sha256],
        capture_output=True,
        check=False,
        timeout=60,
    )
    assert (done.returncode, done.stderr) == (0, b"")
    assert read_proof(done.stdout, 0, seconds=1.0).failure.startswith("no NVIDIA")


@pytest.mark.skipif(Path("/proc/driver/nvidia").exists(), reason="this machine has an NVIDIA driver")
def test_a_session_that_falls_back_is_noticed(bundle: Bundle, monkeypatch: pytest.MonkeyPatch) -> None:
    from cxr_desktop.inference import probe

    monkeypatch.setattr(probe, "driver_failure", str)
    failure = probe.probe(CUDA, bundle.path, bundle.sha256).get("failure", "")
    assert failure
    assert "\n" not in failure


def test_a_probe_that_hangs_is_ended(bundle: Bundle) -> None:
    proof = prove_in_child(bundle, OPENVINO, timeout_s=0.01)
    assert "longer than 0.01 s" in proof.failure


@pytest.mark.parametrize(
    ("output", "code", "words"),
    [(b"", -11, "signal 11"), (b"garbage", 3, "exit code 3"), (b"[1]", 0, "exit code 0"), (b"7\n", 0, "exit code 0")],
)
def test_a_probe_that_crashes_has_a_reason(output: bytes, code: int, words: str) -> None:
    assert words in read_proof(output, code, seconds=1.0).failure


@pytest.mark.gpu
def test_cuda_is_proved_on_a_machine_that_has_it(bundle: Bundle) -> None:
    provider = choose_provider(bundle)
    if provider.name != "CUDA":
        pytest.skip(provider.reason)
    assert provider.best


def test_the_table_has_every_provider_of_this_system_and_ends_with_the_cpu(bundle: Bundle) -> None:
    judged = list(judge_all(bundle, prove=lambda *_: Proof({}, 1.0, "no driver"), offered=OFFERED, unasked=True))
    assert [each.kind for each in judged] == [kind for kind in KINDS if kind.here]
    assert [each.kind for each in judged if each.usable] == [CPU]
    assert all(each.reason for each in judged)


def test_what_must_be_asked_for_is_not_tried_by_itself(bundle: Bundle) -> None:
    tried: list[Kind] = []

    def prove(_bundle: Bundle, kind: Kind, _timeout_s: float) -> Proof:
        tried.append(kind)
        return Proof({}, 1.0, "no driver")

    offered = tuple(kind.ort for kind in KINDS)
    choose_provider(bundle, prove=prove, offered=offered)
    assert TENSORRT not in tried
    with pytest.raises(ProviderRefusedError, match="TensorRT cannot be used: no driver"):
        choose_provider(bundle, Wanted.TENSORRT, prove=prove, offered=offered)
    assert tried[-1] is TENSORRT


def test_a_working_provider_that_was_not_asked_for_does_not_run(bundle: Bundle) -> None:
    proof = Proof(_true_logits(bundle), seconds=1.0)

    def prove(_bundle: Bundle, kind: Kind, _timeout_s: float) -> Proof:
        return proof if kind is TENSORRT else Proof({}, 1.0, "no driver")

    judged = list(judge_all(bundle, prove=prove, offered=tuple(kind.ort for kind in KINDS), unasked=True))
    chosen = best_of(judged)
    assert chosen.kind is CPU
    assert {each.kind for each in chosen.rejected} == {kind for kind in KINDS if kind.here} - {CPU, TENSORRT}


def test_the_reasons_of_all_that_were_tried_are_kept(bundle: Bundle) -> None:
    offered = (CUDA.ort, OPENVINO.ort, CPU.ort)
    chosen = choose_provider(
        bundle, prove=lambda _bundle, kind, _timeout_s: Proof({}, 1.0, f"{kind.name} is broken"), offered=offered
    )
    assert "CUDA was not used: CUDA is broken" in chosen.reason
    assert {each.kind: each.reason for each in chosen.rejected}[CUDA] == "CUDA is broken"


@pytest.mark.parametrize("kind", [TENSORRT, DIRECTML, OPENVINO, COREML])
def test_asking_for_what_is_not_installed_names_the_package(bundle: Bundle, kind: Kind) -> None:
    with pytest.raises(ProviderRefusedError, match=f"pip install {kind.package}"):
        choose_provider(bundle, kind.wanted, offered=(CPU.ort,))


def test_standard_error_is_heard_again_however_many_threads_use_onnxruntime(tmp_path: Path) -> None:
    """In a process of its own, where nothing was imported before."""
    code = (
        "import os, threading\n"
        "from cxr_desktop.inference import runtime\n"
        "start = threading.Barrier(8)\n"
        "def use():\n"
        "    start.wait()\n"
        "    for _ in range(200): runtime.onnxruntime()\n"
        "threads = [threading.Thread(target=use) for _ in range(8)]\n"
        "[each.start() for each in threads]; [each.join() for each in threads]\n"
        "os.write(2, b'heard')\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, timeout=120)
    assert done.stderr == b"heard"
