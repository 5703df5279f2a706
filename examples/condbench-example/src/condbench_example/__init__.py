"""An example of a third party's plugin for condbench: one backbone and one conditioner."""
