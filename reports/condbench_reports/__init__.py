"""Renderers of runs: HTML, Markdown and CSV; `register` is their entry point."""
