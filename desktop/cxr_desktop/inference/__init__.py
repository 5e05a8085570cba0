"""Scoring films with a bundle. No Qt here."""
