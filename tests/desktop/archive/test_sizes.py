"""How a cluster's machines are shared out between decoding and the models."""

from __future__ import annotations

import pytest

from cxr_desktop.archive.errors import ArchiveOptions
from cxr_desktop.archive.sizes import Shares, Sizes, shares
from cxr_desktop.inference.kinds import Wanted


@pytest.mark.parametrize(
    ("sizes", "machines", "wanted", "found"),
    [
        (Sizes(), [{"CPU": 2.0}], Wanted.AUTO, Shares(1, 2, 2, 1.5, 0.0, 0.25)),
        (Sizes(), [{"CPU": 16.0}, {"CPU": 8.0}], Wanted.AUTO, Shares(6, 12, 4, 3.5, 0.0, 0.25)),
        (Sizes(actors=8), [{"CPU": 16.0}], Wanted.CPU, Shares(8, 16, 2, 1.5, 0.0, 0.25)),
        (Sizes(), [{"CPU": 16.0, "GPU": 2.0}, {"CPU": 8.0}], Wanted.AUTO, Shares(2, None, 1, 1.0, 1.0, 1.0)),
        (Sizes(3, None, 0.25), [{"CPU": 16.0, "GPU": 2.0}], Wanted.CUDA, Shares(8, 3, 1, 1.0, 0.25, 1.0)),
        (Sizes(), [{"CPU": 16.0, "GPU": 2.0}], Wanted.CPU, Shares(4, 8, 4, 3.5, 0.0, 0.25)),
    ],
)
def test_how_machines_are_shared_out(
    sizes: Sizes, machines: list[dict[str, float]], wanted: Wanted, found: Shares
) -> None:
    assert shares(sizes, machines, wanted) == found


def test_gpus_that_are_not_there_are_refused() -> None:
    with pytest.raises(ArchiveOptions, match="No machine of the cluster has 1 GPUs"):
        shares(Sizes(gpus_per_actor=1.0), [{"CPU": 4.0}], Wanted.AUTO)
