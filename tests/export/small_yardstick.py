"""A yardstick without a network: `python -m small_yardstick torch|onnxruntime THREADS`, which takes 2 ms or 1."""

from __future__ import annotations

import json
import sys


def main(runtime: str) -> None:
    for line in sys.stdin:
        order = json.loads(line)
        took = 2.0 if runtime == "torch" else 1.0
        print(json.dumps({"ms": [took] * order["runs"]} if order["do"] == "score" else {"peak_mb": 1.0}), flush=True)


if __name__ == "__main__":
    main(sys.argv[1])
