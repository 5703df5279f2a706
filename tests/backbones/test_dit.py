"""DiT: what its network promises, and learning that obeys the label through sites and through the sequence."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from condbench.budget import Budget
from condbench.conditioning import Adapter, Condition, Conditioned, ConditionEncoder, sites
from condbench.errors import UserError
from condbench.registry import installed, resolve
from condbench.specs import Domain, Task
from condbench.training import train
from condbench_plugins.backbones.dit import Dit, build
from condbench_plugins.encoders.table import Table
from condbench_plugins.networks.layers import Conv2d
from condbench_plugins.networks.patch_transformer import Attention, PatchTransformer, shifted
from condbench_plugins.options import DitOptions

TASK = Task(Domain("image", (3, 8, 12)), (Domain("class", (), 4),))
EVERYWHERE = ["label-embedding", "film", "adain", "cross-attention", "adaln-zero", "in-context"]


def lift(conditioner: str) -> Dit:
    torch.manual_seed(0)
    options = DitOptions(width=16, feed_forward=32, stem_width=16, layers=2, steps=8)
    spec = installed().conditioners.get(conditioner).spec
    make = resolve(spec.target)(resolve(spec.options)() if spec.options else None)
    return make.lift(lambda task, wrap: build(task, wrap, options), TASK, lambda: ConditionEncoder([Table(4, 16)], 16))


def batch(count: int = 8) -> tuple[Tensor, Condition]:
    """Class k is a bright row 2k in three channels."""
    labels = torch.randint(0, 4, (count,))
    x = -torch.ones(count, 3, 8, 12)
    x[torch.arange(count), :, 2 * labels] = 1.0
    return x, Condition.of(labels)


def off_the_start(net: Conditioned) -> None:
    """Move the backbone's own parameters, some of which are zero at first, and leave the conditioner's."""
    own = [p for name, p in net.net.named_parameters() if "adapter" not in name]
    with torch.no_grad():
        for parameter in own:
            parameter.add_(0.1 * torch.randn_like(parameter))


@pytest.mark.parametrize("conditioner", EVERYWHERE)
def test_the_start_is_neutral_but_learns_u_in_two_steps(conditioner: str) -> None:
    """Adapters are neutral wherever the rest of the network is, and not dead."""
    net = lift(conditioner).net
    off_the_start(net)
    x, u = batch()
    t = torch.linspace(-1, 1, len(x))
    out = net(x, t, u=u)
    assert out.std() > 0.01
    torch.testing.assert_close(out, net(x, t, u=u.dropped()))
    F.mse_loss(out, x).backward()
    with torch.no_grad():
        for name, parameter in net.named_parameters():
            if "adapter" in name and parameter.grad is not None:
                parameter -= parameter.grad.sign() * 0.1
    assert (net(x, t, u=u) - net(x, t, u=u.dropped())).abs().amax() > 1e-3


def test_it_starts_at_zero_and_each_branch_adds_nothing() -> None:
    net = PatchTransformer((1, 8, 8), 16, 32, 8, 2)
    x, t = torch.randn(2, 1, 8, 8), torch.zeros(2)
    assert not net(x, t, None).any()
    added: list[Tensor] = []
    for site in sites(net):
        if site.role == "branch":
            site.register_forward_hook(lambda module, args, out: added.append(out))
    net(x, t, None)
    assert len(added) == 6 and not any(out.any() for out in added)


def test_patches_that_look_alike_differ_by_their_positions_only() -> None:
    """In an even image, far from its borders, nothing else tells one patch from the next."""
    net = Conditioned(PatchTransformer((1, 40, 40), 16, 32, 8, 1))
    off_the_start(net)
    u = Condition.of(torch.zeros(1, dtype=torch.long))

    def difference() -> Tensor:
        out = net(torch.ones(1, 1, 40, 40), torch.zeros(1), u=u)
        return (out[:, :, 16:20, 16:20] - out[:, :, 20:24, 20:24]).abs().amax()

    assert difference() > 1e-2
    nn.init.zeros_(net.net.position)
    assert difference() < 1e-5


def test_shifted_takes_an_eighth_of_the_channels_from_each_neighbour() -> None:
    h = torch.arange(9.0).view(1, 3, 3, 1).expand(1, 3, 3, 8)
    centre, corner = shifted(h)[0, 1, 1], shifted(h)[0, 0, 0]
    assert centre.tolist() == [5, 3, 7, 1, 4, 4, 4, 4]
    assert corner.tolist() == [1, 0, 3, 0, 0, 0, 0, 0], "there is nothing beyond the border"


def test_attention_is_torchs_attention() -> None:
    torch.manual_seed(0)
    attention = Attention(16)
    nn.init.normal_(attention.out.weight)
    v = torch.randn(3, 7, 16)
    split = [t.unflatten(-1, (2, 8)).transpose(1, 2) for t in attention.query_key_value(v).chunk(3, dim=-1)]
    query, key = (F.layer_norm(t, (8,)) for t in split[:2])
    expected = attention.out(F.scaled_dot_product_attention(query, key, split[2]).transpose(1, 2).flatten(2))
    torch.testing.assert_close(attention(v), expected)


def test_muon_has_the_matrices_that_every_patch_goes_through_and_adamw_the_rest() -> None:
    model = lift("film")
    names = {id(p): name for name, p in model.named_parameters()}
    muon, adamw = (
        [names.pop(id(p)) for group in optimizer.param_groups for p in group["params"]]
        for optimizer in model.optimizers("train")
    )
    assert not names, "each parameter has one optimizer"
    kinds = {name.split(".")[-2] for name in muon}
    assert kinds == {"first", "embed", "query_key_value", "out", "expand", "contract", "unembed", "layer"}
    assert {"time", "project", "embedding"} <= {name.split(".")[-2] for name in adamw}


class Convolving(Adapter):
    """A third party's adapter, with a layer of which the network itself has some."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.layer = Conv2d(channels, channels)


def test_muon_has_nothing_of_us_path_whatever_that_is_made_of() -> None:
    net = PatchTransformer((1, 8, 12), 16, 32, 16, 2)
    before = {id(p) for p in net.hidden_weights()}
    site = next(site for site in sites(net) if site.role == "branch")
    site.fill(Convolving(16))
    assert {id(p) for p in net.hidden_weights()} == before


def test_sizes_that_patches_do_not_tile_are_refused() -> None:
    with pytest.raises(UserError, match=r"patch transformer of dit .* multiples of 4, not 30 x 28"):
        PatchTransformer((1, 30, 28), 16, 32, 8, 1)


@pytest.mark.parametrize("conditioner", ["film", "in-context"])
def test_it_learns_to_obey_the_label_and_repeats_its_samples(conditioner: str) -> None:
    model = lift(conditioner)
    batches = iter(lambda: batch(32), None)
    generator = torch.Generator().manual_seed(0)
    train(model, batches, Budget(samples=4000), condition_dropout=0.1, generator=generator, bf16=False)
    u = Condition.of(torch.arange(40) % 4)
    with torch.inference_mode():
        x, again = (model.sample(u, torch.Generator().manual_seed(5)) for _ in range(2))
    assert torch.equal(x, again)
    brightest_row = x.mean((1, 3)).argmax(1)
    assert (brightest_row == 2 * u.parts[0]).float().mean() > 0.9
