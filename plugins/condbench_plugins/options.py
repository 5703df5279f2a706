"""The options of every built-in backbone and conditioner, typed and with their defaults; importing this needs no torch.

`condbench list NAME` shows them, ``-b 'flow[width=64]'`` sets them, and `build` or `make` gets the validated object.
"""

from __future__ import annotations

from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator


class Options(BaseModel):
    """Base: frozen, and an unknown option is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


_TEMPERATURE = "deviation of the noise that samples are made of; 1 is P(x|u), less varies less"


class CrossAttentionOptions(Options):
    """Options of the cross-attention conditioner."""

    heads: int = Field(4, ge=1, description="attention heads per site")
    head_width: int = Field(16, ge=4, description="channels per head")


class ConcatOptions(Options):
    """Options of the label planes."""

    planes: int = Field(8, ge=1, description="label planes that are concatenated to the input's features")


class HyperOptions(Options):
    """Options of the hypernetwork."""

    rank: int = Field(4, ge=1, description="rank of each layer's change")


class VaeOptions(Options):
    """Options of the variational autoencoder."""

    width: int = Field(320, ge=16, description="width of the decoder's layers")
    encoder_width: int = Field(320, ge=16, description="width of the encoder's layers")
    blocks: int = Field(
        1, ge=0, description="residual blocks in the encoder, the decoder and the conditional prior, each"
    )
    latent: int = Field(12, ge=1, description="dimensions of the latent")
    prior: Literal["standard", "conditional"] = Field(
        "conditional", description="of the latent: the standard normal, or a mixture of normals that u decides"
    )


class SamplerOptions(Options):
    """Options of the samplers that turn noise into data.

    The scale is that of classifier-free guidance, or of the classifier's where the conditioner is classifier guidance,
    which knows no interval.
    """

    steps: int = Field(20, ge=2, description="sampler steps, one network evaluation each")
    temperature: float = Field(0.92, gt=0, description=_TEMPERATURE)
    guidance: float = Field(1.0, ge=0, description="how strongly samples lean towards u; 1 is P(x|u) itself")
    guidance_low: float = Field(0.0, ge=0, description="guide at this noise level (data = 1) and above")
    guidance_high: float | None = Field(None, gt=0, description="guide at this noise level and below; none is all")

    @model_validator(mode="after")
    def _interval(self) -> Self:
        if self.guidance_high is not None and self.guidance_low > self.guidance_high:
            raise ValueError(
                f"guidance_low = {self.guidance_low:g} is above guidance_high = {self.guidance_high:g}, so that no "
                "noise level would be guided"
            )
        return self


class UNetOptions(SamplerOptions):
    """Options of the samplers whose network is a U-Net on images."""

    width: int = Field(32, ge=8, description="channels at half resolution")
    deep_width: int = Field(64, ge=8, description="channels at a quarter of the resolution")
    blocks: int = Field(4, ge=1, description="residual blocks at a quarter of the resolution")


class DiffusionOptions(UNetOptions):
    """Options of the diffusion backbone."""


class FlowOptions(UNetOptions):
    """Options of the flow backbone."""


class AdversarialOptions(Options):
    """Options of the generative adversarial networks."""

    width: int = Field(48, ge=16, description="channels at a quarter of the resolution")
    fine_width: int = Field(24, ge=8, description="channels at half of the resolution")
    latent: int = Field(64, ge=1, description="size of the noise that an image is made of")
    gradient_penalty: float = Field(0.3, ge=0, description="weight of R1 on the discriminator")


class LatentDiffusionOptions(SamplerOptions):
    """Options of diffusion in an autoencoder's latent."""

    width: int = Field(32, ge=8, description="channels at the latent's positions")
    vector_width: int = Field(256, ge=16, description="size of the vector that all positions share")
    latent_channels: int = Field(2, ge=1, description="channels of the latent, at a quarter of the image's resolution")
    noise: float = Field(0.2, gt=0, lt=1, description="deviation of the noise that the decoder learns to take")
    autoencoder_width: int = Field(32, ge=8, multiple_of=2, description="channels of the autoencoder")
    autoencoder_share: float = Field(0.12, gt=0, lt=1, description="the share of the budget that trains it")


class DitOptions(SamplerOptions):
    """Options of diffusion by a transformer over patches."""

    temperature: float = Field(0.9, gt=0, description=_TEMPERATURE)
    width: int = Field(80, ge=16, multiple_of=2, description="channels of the transformer")
    feed_forward: int = Field(160, ge=16, description="channels inside its feed-forward layers")
    stem_width: int = Field(24, ge=8, description="channels of the convolutions at half resolution around it")
    layers: int = Field(4, ge=1, description="attention and feed-forward layers, one of each in turn")


class GanOptions(AdversarialOptions):
    """Options of the generative adversarial network."""


class StyleGanOptions(AdversarialOptions):
    """Options of the style-based generative adversarial network."""

    mixing: float = Field(0.5, ge=0, le=1, description="share of training images that mix two styles")


class EbmOptions(Options):
    """Options of the energy-based model."""

    width: int = Field(32, ge=8, description="channels at a quarter of the resolution")
    fine_width: int = Field(16, ge=4, description="channels at half of the resolution")
    training_steps: int = Field(12, ge=1, description="Langevin steps of the chains between two updates")
    sampling_steps: int = Field(110, ge=1, description="Langevin steps from noise to a sample")
    start: float = Field(0.8, gt=0, description="deviation of a sample's starting pixels, as a multiple of the data's")
    step_size: float = Field(10.0, gt=0, description="how far a Langevin step follows the energy's gradient")
    noise: float = Field(0.01, ge=0, description="standard deviation of a Langevin step's noise, pixels in [-1, 1]")
    chains: int = Field(512, ge=64, description="chains in the replay buffer")
    restarts: float = Field(0.2, ge=0, le=1, description="share of the visited chains that start anew")
    energy_penalty: float = Field(0.2, ge=0, description="weight of the mean squared energy")
    joint: float = Field(0.0, ge=0, description="weight of log p(u|x), for an energy of x and u together; 0 is none")


class ArOptions(Options):
    """Options of autoregression over codes."""

    order: Literal["raster", "masked"] = Field(
        "raster", description="raster: code after code, in reading order; masked: all codes, in a few steps"
    )
    steps: int = Field(12, ge=1, description="passes of the masked order")
    temperature: float = Field(
        0.75, gt=0, description="what logits of codes are divided by; 1 is P(x|u), less varies less"
    )
    guidance: float = Field(1.0, ge=0, description="how strongly samples lean towards u; 1 is P(x|u) itself")
    width: int = Field(96, ge=16, multiple_of=4, description="channels of the transformer")
    heads: int = Field(3, ge=1, description="heads of its attention, 32 channels each")
    feed_forward: int = Field(384, ge=16, description="channels inside its feed-forward layers")
    layers: int = Field(3, ge=1, description="layers of the transformer")
    dropout: float = Field(0.1, ge=0, lt=1, description="share of a layer's features that training leaves out")
    code_dropout: float = Field(0.2, ge=0, lt=1, description="share of past codes that training hides; raster only")
    levels: str = Field(
        "4x4x4",
        pattern=r"^([2-9]|[1-9]\d+)(x([2-9]|[1-9]\d+))*$",
        description="levels of each number of a code, e.g. 8x5x5",
    )
    code_width: int = Field(32, ge=16, multiple_of=2, description="channels of the autoencoder that finds the codes")
    codes_share: float = Field(0.1, gt=0, lt=1, description="the share of the budget that finds the codes")


class NfOptions(Options):
    """Options of the normalizing flow."""

    width: int = Field(256, ge=16, description="width of the couplings of the coarse image and of its first details")
    fine_width: int = Field(256, ge=16, description="width of the couplings of the finest details")
    noise: float = Field(
        0.2, gt=0, description="deviation of the noise that images are learned with, pixels in [-1, 1]"
    )
    temperature: float = Field(0.8, gt=0, description=_TEMPERATURE)
