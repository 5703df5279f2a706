"""condbench: any backbone, any conditioner, one budget. A plugin author needs `hookimpl` and `condbench.specs`."""

from condbench.hookspecs import hookimpl

__all__ = ["__version__", "hookimpl"]
__version__ = "0.1.0"
