from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class ToyOptions(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    width: int = Field(8, ge=4, description="channels")
    noise: float | None = Field(None, description="deviation of the noise; drawn at random if none")
