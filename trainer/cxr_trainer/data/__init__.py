"""From an NIH folder to batches: catalog, cohort, split, pixel cache, augmentation."""
