"""What a bundle is compared with: `python -m cxr_export.benchmark.yardstick torch|onnxruntime THREADS`.

DenseNet-121 of torchvision, 14 outputs, one film of 224² in float32: the network that most chest X-ray tools run. Its
weights are random, which changes no time. It answers the orders ``score`` and ``memory`` of
`cxr_desktop.inference.measure`.
"""

from __future__ import annotations

import io
import json
import sys
import time
from collections.abc import Callable
from typing import Any, Literal

import torch
from torchvision import models

from cxr_export.out_of_place import set_out_of_place
from cxr_trainer.bench.contender import memory_peaks

Runtime = Literal["torch", "onnxruntime"]
_OUTPUTS = 14


def make_yardstick(runtime: Runtime, threads: int) -> Callable[[], object]:
    """Give what computes one film's scores."""
    network = models.densenet121(weights=None, num_classes=_OUTPUTS).eval()
    film = torch.rand(1, 3, 224, 224)
    torch.set_num_threads(threads)
    if runtime == "torch":
        return lambda: _run_torch(network, film)
    session = _session(_onnx(network, film), threads)
    name, values = session.get_inputs()[0].name, film.numpy()
    return lambda: session.run(None, {name: values})


def _run_torch(network: torch.nn.Module, film: torch.Tensor) -> torch.Tensor:
    with torch.inference_mode():
        scores: torch.Tensor = network(film)
    return scores


def _onnx(network: torch.nn.Module, film: torch.Tensor) -> bytes:
    import onnx

    set_out_of_place(network)
    program = torch.onnx.export(network, (film,), dynamo=True, opset_version=18, verbose=False)
    assert program is not None
    program.optimize()
    buffer = io.BytesIO()
    onnx.save_model(program.model_proto, buffer)
    return buffer.getvalue()


def _session(data: bytes, threads: int) -> Any:  # noqa: ANN401  (onnxruntime ships no types)
    import onnxruntime

    options = onnxruntime.SessionOptions()  # all else as onnxruntime sets it
    options.log_severity_level = 3
    options.intra_op_num_threads = threads
    return onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])


def _time(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return (time.perf_counter() - start) * 1e3


def main(arguments: list[str]) -> int:
    """Answer orders until there are no more."""
    answers = sys.stdout
    sys.stdout = sys.stderr  # the exporter of torch prints
    run = make_yardstick("torch" if arguments[0] == "torch" else "onnxruntime", int(arguments[1]))
    for line in sys.stdin:
        order = json.loads(line)
        answer: dict[str, Any] = (
            {"ms": [_time(run) for _ in range(order["runs"])]}
            if order["do"] == "score"
            else {"peak_mb": memory_peaks(torch.device("cpu"))[0]}
        )
        print(json.dumps(answer), file=answers, flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
