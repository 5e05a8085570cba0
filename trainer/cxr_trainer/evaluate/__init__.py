"""Figures of merit with intervals, and operating points."""
