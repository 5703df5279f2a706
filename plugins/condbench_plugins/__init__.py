"""The built-in plugins of condbench; `register` is their entry point."""
