"""Running a recipe: stages, the update loop, checkpoints, events, the run directory."""
