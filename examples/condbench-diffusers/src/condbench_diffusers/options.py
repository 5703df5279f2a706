"""The options of the backbone; importing this needs neither torch nor diffusers."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class UnetOptions(BaseModel):
    """Options of `diffusers-unet`."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    width: int = Field(8, ge=4, multiple_of=2, description="channels at full resolution")
    half_width: int = Field(16, ge=4, multiple_of=2, description="channels at half the resolution")
    quarter_width: int = Field(32, ge=4, multiple_of=2, description="channels at a quarter of the resolution")
    steps: int = Field(25, ge=2, le=1000, description="DDIM steps, one network evaluation each")
    guidance: float = Field(1.0, ge=0, description="scale of classifier-free guidance; 1 is none")
