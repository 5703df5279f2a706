"""A third party's plugin for condbench: diffusers' U-Net as a backbone, its class embedding as a conditioner."""
