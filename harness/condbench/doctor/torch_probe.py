"""The process that `torch_facts` asks: it imports torch and torchvision, and prints `TorchFacts` as its last line."""

from __future__ import annotations

from condbench.doctor.torch_facts import Gpu, TorchFacts


def look() -> TorchFacts:
    """What torch says of itself and of this machine."""
    import torch

    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    properties = [torch.cuda.get_device_properties(number) for number in range(count)]
    return TorchFacts(
        cuda=torch.version.cuda or "",
        gpus=tuple(Gpu(name=one.name, memory=one.total_memory) for one in properties),
        mps=torch.backends.mps.is_available(),
        threads=torch.get_num_threads(),
        torchvision_error=_try_torchvision(),
    )


def _try_torchvision() -> str:
    """Call one of its compiled operators, which are there only with the torch that they were compiled for."""
    import torch

    try:
        from torchvision.ops import nms

        nms(torch.zeros(1, 4), torch.zeros(1), 0.5)
    except Exception as error:
        return _line(error)
    return ""


def _line(error: Exception) -> str:
    return " ".join(f"{type(error).__name__}: {error}".split())


def main() -> None:
    """Look, and print."""
    try:
        facts = look()
    except Exception as error:
        facts = TorchFacts(error=_line(error))
    print(facts.model_dump_json())


if __name__ == "__main__":
    main()
