"""Sweeps: many runs of a recipe that differ in a few settings, each in a process of its own."""
