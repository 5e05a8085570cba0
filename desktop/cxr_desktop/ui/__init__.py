"""The window. Widgets are thin: what they show is decided in `state`, `rendering` and `desk`."""
