"""The worklist's state and services: rows, order, reading. No Qt."""
