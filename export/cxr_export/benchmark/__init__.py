"""How fast a bundle is, beside the one model that others run."""
