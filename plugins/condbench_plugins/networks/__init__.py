"""Layers and optimizers that the built-in backbones share."""
