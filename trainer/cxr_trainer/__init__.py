"""Training: NIH catalog, cohorts, schedules, the learning-rate range test, the three stages, their report."""
