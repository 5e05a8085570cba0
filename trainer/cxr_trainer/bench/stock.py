"""The recipe that is usually written for this job, as a yardstick.

PNGs decoded at every epoch by a DataLoader with a worker for each core, torchvision's transforms with the paper's
ranges, three equal channels, float32, contiguous, torch's SGD, and the loss read after every update.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator

import timm
import torch
from PIL import Image
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset
from torchvision import models, transforms

from cxr_trainer.bench.contender import Round, Workload, memory_peaks, synchronize
from cxr_trainer.recipe import AugmentSection, Recipe

_TIMM_NAMES = {"mobilenetv1": "mobilenetv1_100"}
_IMAGENET_MEAN, _IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


class StockFilms(Dataset[tuple[Tensor, Tensor]]):
    """Films decoded and augmented one by one: float32 (3, S, S), and the label, float32 ()."""

    def __init__(self, workload: Workload) -> None:
        self._paths, self._labels = workload.paths, torch.from_numpy(workload.labels)
        self._transform = stock_transforms(workload.recipe.augment, size=workload.recipe.input.size)

    def __len__(self) -> int:
        return len(self._paths)

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        with Image.open(self._paths[index]) as image:
            return self._transform(image.convert("RGB")), self._labels[index]


def stock_transforms(augment: AugmentSection, *, size: int) -> transforms.Compose:
    """The paper's augmentation as closely as torchvision has it: one zoom for both axes, black at the edges."""
    return transforms.Compose(
        [
            transforms.Resize((size, size)),
            transforms.RandomAffine(
                augment.rotation,
                translate=(augment.width_shift, augment.height_shift),
                scale=(1.0 - augment.zoom, 1.0 + augment.zoom),
                shear=augment.shear,
                interpolation=transforms.InterpolationMode.BILINEAR,
            ),
            transforms.RandomHorizontalFlip(),
            transforms.ColorJitter(brightness=augment.brightness),
            transforms.ToTensor(),
            transforms.Normalize(_IMAGENET_MEAN, _IMAGENET_STD),
        ]
    )


def stock_model(recipe: Recipe) -> nn.Module:
    """Network of that name of torchvision, else of timm, with one output."""
    name = recipe.model.architecture
    if name in models.list_models():
        model: nn.Module = models.get_model(name, weights=None, num_classes=1)
        return model
    network: nn.Module = timm.create_model(_TIMM_NAMES[name], pretrained=False, num_classes=1)
    return network


class Stock:
    """The stock recipe."""

    def __init__(self, workload: Workload) -> None:
        # not choose_compute: its settings are ours
        on_gpu = workload.device != "cpu" and torch.cuda.is_available()
        self._device = torch.device("cuda" if on_gpu else "cpu")
        self._model = stock_model(workload.recipe).to(self._device).train()
        decay = workload.recipe.decay
        self._optimizer = torch.optim.SGD(self._model.parameters(), lr=1e-3, momentum=decay.momentum)
        self._loss = nn.BCEWithLogitsLoss()
        workers = os.cpu_count() or 1
        self._loader = DataLoader(
            StockFilms(workload),
            batch_size=decay.batch_size,
            shuffle=True,
            drop_last=True,
            num_workers=workers,
            persistent_workers=True,
            pin_memory=self._device.type == "cuda",
        )

    def train(self) -> Round:
        """One epoch, but for the wait for its first batch, which a long epoch would not notice."""
        batches: Iterator[tuple[Tensor, Tensor]] = iter(self._loader)
        films, waited, batch = 0, 0.0, next(batches, None)
        synchronize(self._device)
        began = time.perf_counter()
        while batch is not None:
            self._update(*batch)
            films += len(batch[1])
            waiting = time.perf_counter()
            batch = next(batches, None)
            waited += time.perf_counter() - waiting
        seconds = time.perf_counter() - began
        return Round(films, seconds, waited / seconds, *memory_peaks(self._device))

    def _update(self, films: Tensor, labels: Tensor) -> None:
        films, labels = films.to(self._device, non_blocking=True), labels.to(self._device, non_blocking=True)
        self._optimizer.zero_grad()
        loss = self._loss(self._model(films).squeeze(1), labels)
        loss.backward()
        self._optimizer.step()
        loss.item()
