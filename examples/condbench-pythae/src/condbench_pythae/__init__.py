"""A third party's plugin for condbench: pythae's variational autoencoder as a backbone."""
