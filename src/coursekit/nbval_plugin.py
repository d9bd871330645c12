"""pytest plugin for notebooks checked with nbval."""
