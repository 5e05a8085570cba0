"""Keras ImageDataGenerator's random transforms, on a whole batch and on its device (paper §A3.1)."""

from __future__ import annotations

from dataclasses import dataclass, fields

import torch
from torch import Tensor
from torch.nn import functional

from cxr_trainer.recipe import AugmentSection


@dataclass(frozen=True, slots=True)
class Transform:
    """One draw for each film of a batch, all float32 (N,) but `flip`, bool (N,).

    Attributes
    ----------
    rotation, shear
        Degrees.
    shift_rows, shift_columns
        Pixels.
    zoom_rows, zoom_columns
        Factors; above 1 shrinks the film, as in Keras.
    brightness
        Factors of the grey level.
    flip
        Mirrored left to right, after the affine transform.
    """

    rotation: Tensor
    shear: Tensor
    shift_rows: Tensor
    shift_columns: Tensor
    zoom_rows: Tensor
    zoom_columns: Tensor
    brightness: Tensor
    flip: Tensor

    def part(self, own: slice) -> Transform:
        """Return the draws of some of the films."""
        return Transform(*(getattr(self, each.name)[own] for each in fields(self)))


def draw(section: AugmentSection, *, films: int, size: tuple[int, int], generator: torch.Generator) -> Transform:
    """Draw `films` transforms from `section`'s ranges, on the generator's device (the CPU, for reproducibility).

    The same number of values is drawn whatever the ranges, so that one range does not move another's draws.
    """
    rows, columns = size

    def uniform(low: float, high: float) -> Tensor:
        return low + (high - low) * torch.rand(films, generator=generator)

    low, high = section.brightness
    return Transform(
        rotation=uniform(-section.rotation, section.rotation),
        shear=uniform(-section.shear, section.shear),
        shift_rows=uniform(-section.height_shift, section.height_shift) * rows,
        shift_columns=uniform(-section.width_shift, section.width_shift) * columns,
        zoom_rows=uniform(1.0 - section.zoom, 1.0 + section.zoom),
        zoom_columns=uniform(1.0 - section.zoom, 1.0 + section.zoom),
        brightness=uniform(low, high),
        flip=(uniform(0.0, 1.0) < 0.5) & section.horizontal_flip,
    )


def apply(transform: Transform, films: Tensor, *, brighten: bool = True) -> Tensor:
    """Transform a batch: bilinear, edges repeated, then flipped, then brightened.

    Parameters
    ----------
    transform
        A draw for each film.
    films
        (N, 1, H, W), uint8 or float, grey levels 0..255.
    brighten
        False leaves the grey levels alone, fractions and all.

    Returns
    -------
    Tensor
        float32 (N, 1, H, W), grey levels 0..255.
    """
    rows, columns = films.shape[-2:]
    matrix = _output_to_input(transform, rows, columns).to(films.device)
    moved = functional.grid_sample(
        films.to(torch.float32),
        _sampling_grid(matrix, rows, columns),
        mode="bilinear",
        padding_mode="border",
        align_corners=True,
    )
    if not brighten:
        return moved
    factor = transform.brightness.to(films.device).reshape(-1, 1, 1, 1)
    # Keras brightens through PIL, which truncates to whole grey levels before and after.
    return (moved.floor() * factor).floor_().clamp_(0.0, 255.0)


def _output_to_input(transform: Transform, rows: int, columns: int) -> Tensor:
    """(N, 2, 3): the input (column, row) of an output (column, row, 1), flip included.

    Keras turns about (rows/2, columns/2) read as (column, row); on its square inputs that is the middle.
    """
    angle = torch.deg2rad(transform.rotation)
    slant = torch.deg2rad(transform.shear)
    zero, one = torch.zeros_like(angle), torch.ones_like(angle)
    rotate = _stack([[angle.cos(), -angle.sin(), zero], [angle.sin(), angle.cos(), zero]])
    shift = _stack([[one, zero, transform.shift_columns], [zero, one, transform.shift_rows]])
    shear = _stack([[one, -slant.sin(), zero], [zero, slant.cos(), zero]])
    zoom = _stack([[transform.zoom_columns, zero, zero], [zero, transform.zoom_rows, zero]])
    to_middle = _stack([[one, zero, one * ((rows - 1) / 2)], [zero, one, one * ((columns - 1) / 2)]])
    from_middle = _stack([[one, zero, one * ((1 - rows) / 2)], [zero, one, one * ((1 - columns) / 2)]])
    sign = torch.where(transform.flip, -one, one)
    flip = _stack([[sign, zero, torch.where(transform.flip, one * (columns - 1), zero)], [zero, one, zero]])
    matrix = to_middle @ rotate @ shift @ shear @ zoom @ from_middle @ flip
    return matrix[:, :2, :]


def _stack(rows: list[list[Tensor]]) -> Tensor:
    """(N, 3, 3) float64 homogeneous matrices from two rows of (N,) entries."""
    zero, one = torch.zeros_like(rows[0][0]), torch.ones_like(rows[0][0])
    full = [*rows, [zero, zero, one]]
    return torch.stack([torch.stack(row, dim=-1) for row in full], dim=-2).to(torch.float64)


def _sampling_grid(matrix: Tensor, rows: int, columns: int) -> Tensor:
    """grid_sample's (N, H, W, 2) grid of (x, y) in −1..1 between the centres of the outermost pixels."""
    scale = torch.tensor([2.0 / max(1, columns - 1), 2.0 / max(1, rows - 1)], device=matrix.device)
    coefficient = matrix.to(torch.float32) * scale[:, None]
    column = torch.arange(columns, device=matrix.device, dtype=torch.float32)
    row = torch.arange(rows, device=matrix.device, dtype=torch.float32)
    along_columns = coefficient[:, None, None, :, 0] * column[None, None, :, None]
    along_rows = coefficient[:, None, None, :, 1] * row[None, :, None, None]
    return along_columns + along_rows + (coefficient[:, None, None, :, 2] - 1.0)


def batch_seed(*parts: int) -> int:
    """One 63-bit seed from several numbers, the same on every machine."""
    seed = 0x9E3779B97F4A7C15
    for part in parts:
        seed ^= (part + 0x9E3779B97F4A7C15 + (seed << 6) + (seed >> 2)) & (2**64 - 1)
        seed = (seed * 0xBF58476D1CE4E5B9) & (2**64 - 1)
        seed ^= seed >> 31
    return seed & (2**63 - 1)


__all__ = ["Transform", "apply", "batch_seed", "draw"]
