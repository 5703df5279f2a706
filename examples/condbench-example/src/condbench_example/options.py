"""The options of the backbone, apart from its code: the command line reads them, and must not import torch for it."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class CouplingFlowOptions(BaseModel):
    """`condbench list coupling-flow` shows them; ``-b 'coupling-flow[couplings=8]'`` sets them.

    condbench fills in the defaults and checks types and bounds before anything runs. ``extra="forbid"`` makes a
    misspelt option an error.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    width: int = Field(256, ge=8, description="width of a coupling's layers")
    couplings: int = Field(12, ge=2, description="affine couplings, each of which changes half of the pixels")
    # Below 1, samples are likelier and less varied than the model; 0.7 as in Kingma & Dhariwal 2018, arXiv:1807.03039.
    temperature: float = Field(0.7, gt=0, le=1, description="standard deviation of the noise that samples start from")
