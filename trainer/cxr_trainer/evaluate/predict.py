"""Logits of films by a network in eval mode."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from cxr_trainer.data.batches import Films
from cxr_trainer.parallel import Ranks

_BATCH = 64


@dataclass(frozen=True, slots=True, eq=False)
class Predictions:
    """Logits and labels of one part, (n,) each, in the part's order."""

    logits: npt.NDArray[np.float64]
    labels: npt.NDArray[np.float64]

    @property
    def probabilities(self) -> npt.NDArray[np.float64]:
        """sigmoid(logits)."""
        return 1.0 / (1.0 + np.exp(-np.clip(self.logits, -700, 700)))

    @property
    def loss(self) -> float:
        """Mean binary cross-entropy."""
        return float(np.mean(np.logaddexp(0.0, self.logits) - self.labels * self.logits))

    @property
    def accuracy(self) -> float:
        """Share of films on the right side of probability 0.5, the paper's accuracy."""
        return float(np.mean((self.logits >= 0.0) == (self.labels == 1.0)))


def predict(network: nn.Module, films: Films, *, ranks: Ranks | None = None) -> Predictions:
    """Score `films`; the network is left in the mode it was in.

    Parameters
    ----------
    network
        Takes uint8 (n, 1, S, S) and gives a `HeadOutput`.
    films
        On the network's device.
    ranks
        Processes that share the work, all of which must call; each gets all predictions.
    """
    ranks = ranks or Ranks()
    own = ranks.share(len(films))
    was_training = network.training
    network.eval()
    logits = [films.labels.new_zeros(0, dtype=torch.float64)]
    with torch.inference_mode():
        for start in range(own.start, own.stop, _BATCH):
            pixels, _ = films.batch(np.arange(start, min(start + _BATCH, own.stop), dtype=np.int64))
            logits.append(network(pixels).logit.double())
        gathered = ranks.gather(torch.cat(logits), len(films))
    network.train(was_training)
    return Predictions(gathered.cpu().numpy(), films.labels.double().cpu().numpy())
