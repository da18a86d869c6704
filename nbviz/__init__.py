"""See what a neural network has learned, live, inside a notebook."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

# Loaded when first used, so that `import nbviz` imports neither torch nor scikit-learn.
_WHERE = {
    "NeuronExplorer": "nbviz.views.neuron_explorer",
    "EvolutionExplorer": "nbviz.views.evolution_explorer",
    "AttentionHeatmap": "nbviz.views.attention_heatmap",
    "Network": "nbviz.core.network",
    "Samples": "nbviz.core.samples",
    "InvarianceExplorer": "nbviz.views.invariance_explorer",
    "CellText": "nbviz.views.cell_text",
    "CorrespondenceAnalysis": "nbviz.views.correspondence_analysis",
    "GateSaturation": "nbviz.views.gate_saturation",
    "HiddenStates": "nbviz.views.hidden_states",
    "ImageGrid": "nbviz.views.image_grid",
    "LayerExplorer": "nbviz.views.layer_explorer",
    "LayerProbes": "nbviz.views.layer_probes",
    "LivePlacement": "nbviz.views.live_placement",
    "MapComparison": "nbviz.views.map_comparison",
    "OcclusionPainter": "nbviz.views.occlusion_painter",
    "OutlierExplorer": "nbviz.views.outlier_explorer",
    "ReceptiveField": "nbviz.views.receptive_field",
    "TimeScales": "nbviz.views.time_scales",
}
_MODULES = ("core", "methods", "views", "zoo")

__all__ = [
    "AttentionHeatmap",
    "CellText",
    "CorrespondenceAnalysis",
    "EvolutionExplorer",
    "GateSaturation",
    "HiddenStates",
    "ImageGrid",
    "InvarianceExplorer",
    "LayerExplorer",
    "LayerProbes",
    "LivePlacement",
    "MapComparison",
    "Network",
    "NeuronExplorer",
    "OcclusionPainter",
    "OutlierExplorer",
    "ReceptiveField",
    "Samples",
    "TimeScales",
    "core",
    "methods",
    "views",
    "zoo",
]

if TYPE_CHECKING:
    from nbviz import core, methods, views, zoo
    from nbviz.core.network import Network
    from nbviz.core.samples import Samples
    from nbviz.views.attention_heatmap import AttentionHeatmap
    from nbviz.views.cell_text import CellText
    from nbviz.views.correspondence_analysis import CorrespondenceAnalysis
    from nbviz.views.evolution_explorer import EvolutionExplorer
    from nbviz.views.gate_saturation import GateSaturation
    from nbviz.views.hidden_states import HiddenStates
    from nbviz.views.image_grid import ImageGrid
    from nbviz.views.invariance_explorer import InvarianceExplorer
    from nbviz.views.layer_explorer import LayerExplorer
    from nbviz.views.layer_probes import LayerProbes
    from nbviz.views.live_placement import LivePlacement
    from nbviz.views.map_comparison import MapComparison
    from nbviz.views.neuron_explorer import NeuronExplorer
    from nbviz.views.occlusion_painter import OcclusionPainter
    from nbviz.views.outlier_explorer import OutlierExplorer
    from nbviz.views.receptive_field import ReceptiveField
    from nbviz.views.time_scales import TimeScales


def __getattr__(name: str) -> Any:
    if name in _WHERE:
        return getattr(importlib.import_module(_WHERE[name]), name)
    if name in _MODULES:
        return importlib.import_module(f"nbviz.{name}")
    raise AttributeError(f"module 'nbviz' has no attribute {name!r}. It has: {', '.join(__all__)}")


def __dir__() -> list[str]:
    return sorted([*__all__, "__version__"])
