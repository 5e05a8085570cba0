"""Builds and proves what people download: the frozen program, its packages, and the wheels."""
