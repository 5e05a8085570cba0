"""The window. Widgets are thin: what they show is decided in `worklist`, `film_view` and `desk`."""
