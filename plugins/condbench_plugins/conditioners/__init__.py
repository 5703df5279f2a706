"""The built-in conditioners."""
