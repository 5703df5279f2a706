"""The options of every built-in backbone and conditioner, typed and with their defaults; importing this needs no torch.

`condbench list NAME` shows them, ``-b 'flow[width=64]'`` sets them, and `build` or `make` gets the validated object.
"""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class Options(BaseModel):
    """Base: frozen, and an unknown option is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class CrossAttentionOptions(Options):
    """Options of the cross-attention conditioner."""

    heads: int = Field(4, ge=1, description="attention heads per site")
    head_width: int = Field(16, ge=4, description="channels per head")
