"""Mixtures of normals, against torch's own density, and draws that follow it."""

from __future__ import annotations

import torch
from torch.distributions import Categorical, Independent, MixtureSameFamily, Normal

from condbench_plugins.networks.mixture import Mixture


def test_the_density_is_that_of_torch_and_draws_follow_it() -> None:
    torch.manual_seed(0)
    logits, mean, log_variance = torch.randn(1, 3), 3 * torch.randn(1, 3, 2), torch.randn(1, 3, 2)
    mixture = Mixture(*(each.expand(20_000, *each.shape[1:]) for each in (logits, mean, log_variance)))
    z = mixture.draw(torch.Generator().manual_seed(1))
    theirs = MixtureSameFamily(
        Categorical(logits=logits[0]), Independent(Normal(mean[0], (0.5 * log_variance[0]).exp()), 1)
    )
    density: torch.Tensor = theirs.log_prob(z)
    torch.testing.assert_close(mixture.log_prob(z), density)
    torch.testing.assert_close(z.mean(0), theirs.mean, atol=0.1, rtol=0)
    torch.testing.assert_close(z.var(0), theirs.variance, atol=0.3, rtol=0)
    # A draw from the mixture is on average as likely as its entropy says, whatever drew it.
    torch.testing.assert_close(density.mean(), theirs.log_prob(theirs.sample((20_000,))).mean(), atol=0.05, rtol=0)
