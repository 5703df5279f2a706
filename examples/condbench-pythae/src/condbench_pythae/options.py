"""The options of the backbone; importing this needs neither torch nor pythae."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class VaeOptions(BaseModel):
    """Options of `pythae-vae`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    latent: int = Field(16, ge=1, description="dimensions of the latent")
