"""Policies as ONNX models, for systems that score on their own.

A policy is two scorers, and three if it prices lanes: each becomes a model of its own. A model takes features as the
environment gives them, on fixed scales that are never learned, and returns a score per row. Names, units and meaning of
the features, and what to do with the scores, stand in the model's metadata.

The features themselves are computed by the kernel (`envs.kernel.decisions.features`); a system that cannot call it can
ask the service instead (docs/how-to/serve-decisions.md).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from regional_dispatch.envs.kernel.decisions.features import DISPATCH, LIMIT, SOURCE
from regional_dispatch.envs.kernel.decisions.lane_price import LANE_PRICE
from regional_dispatch.envs.kernel.decisions.score import Scorer
from regional_dispatch.envs.kernel.decisions.scorers import Scorers
from regional_dispatch.envs.kernel.names import Feature, labels
from regional_dispatch.envs.world.replacing import replacing

FORMAT = "regional-dispatch-onnx-1"
OPSET, IR_VERSION = 17, 9  # read by onnxruntime 1.14 and later


class _Kind(NamedTuple):
    """What a scorer is for."""

    features: Mapping[str, Feature]
    use: str


KINDS = {
    "source": _Kind(
        dict(SOURCE),
        "A row is a candidate route of an order line; the line takes the highest score, the first one of equal scores.",
    ),
    "dispatch": _Kind(dict(DISPATCH), "A row is a lane with packages and a truck; the truck leaves if score > 0."),
    "price": _Kind(
        dict(LANE_PRICE),
        "A row is a package on a lane; the score, cut to −50…50, is USD that it is expected to cost beyond the "
        "standard. Summed over a route's lanes it is the feature `surcharge` of `source`, and counts in `order_plan`.",
    ),
}


def export_onnx(scorers: Scorers, folder: Path, about: Mapping[str, Any]) -> list[Path]:
    """Writes a policy's models into a folder: `source.onnx`, `dispatch.onnx`, and `price.onnx` if it prices lanes.

    Args:
        scorers: the weights.
        folder: made if it is missing; files of these names are replaced.
        about: facts about the policy, as JSON values.

    Returns:
        The files.
    """
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for kind, scorer in scorers._asdict().items():
        if len(scorer.bias):
            path = folder / f"{kind}.onnx"
            with replacing(path) as file:
                file.write_bytes(scorer_model(kind, scorer, about).SerializeToString())
            written.append(path)
    return written


def scorer_model(kind: str, scorer: Scorer, about: Mapping[str, Any]) -> onnx.ModelProto:
    """The model of one scorer.

    Inputs are `features` (rows, features) float32 and, where each region has weights of its own, `region` (rows,)
    int64; the output is `score` (rows,) float32.

    Args:
        kind: one of KINDS.
        scorer: the weights.
        about: facts about the policy, as JSON values.
    """
    regions = len(scorer.bias)
    graph = _Graph(regions)
    graph.score(scorer)
    features = KINDS[kind].features
    inputs = [helper.make_tensor_value_info("features", TensorProto.FLOAT, ["rows", len(features)])]
    if regions > 1:
        inputs.append(helper.make_tensor_value_info("region", TensorProto.INT64, ["rows"]))
    outputs = [helper.make_tensor_value_info("score", TensorProto.FLOAT, ["rows"])]
    made = helper.make_graph(graph.nodes, f"{kind} scorer", inputs, outputs, graph.constants)
    model = helper.make_model(
        made, producer_name="regional-dispatch", ir_version=IR_VERSION, opset_imports=[helper.make_opsetid("", OPSET)]
    )
    facts = {
        "format": FORMAT,
        "kind": kind,
        "use": KINDS[kind].use,
        "features": json.dumps(_describe(features), ensure_ascii=False),
        "normalisation": f"none is in the model: a feature of 1 is one of its unit; all lie within ±{LIMIT:g}",
        **{key: value if isinstance(value, str) else json.dumps(value) for key, value in about.items()},
    }
    helper.set_model_props(model, facts)
    onnx.checker.check_model(model)
    return model


def _describe(features: Mapping[str, Feature]) -> list[dict[str, str]]:
    called = labels(dict(features))
    return [
        {"name": label, "unit": x.unit, "meaning": x.text} for label, x in zip(called, features.values(), strict=True)
    ]


class _Graph:
    """Nodes and constants of one scorer.

    Rows are kept as matrices of one row, (rows, 1, features), so that one weight matrix for all and one per row are
    multiplied alike.
    """

    def __init__(self, regions: int) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []
        self._regions = regions
        if regions > 1:
            self._region = self._node("Min", "region", self._constant("last_region", np.array(regions - 1)))

    def score(self, scorer: Scorer) -> None:
        """All of it: see `envs.kernel.decisions.score.Scorer`."""
        x = self._node("Unsqueeze", "features", self._constant("middle", np.array([1])))
        total = self._node("MatMul", x, self._weights("weight", scorer.weight[:, :, None]))
        total = self._node("Add", total, self._weights("bias", scorer.bias[:, None, None]))
        if scorer.step_weight.any():
            above = self._node("GreaterOrEqual", x, self._weights("step_at", scorer.step_at[:, None]))
            above = self._node("Cast", above, to=TensorProto.FLOAT)
            steps = self._node("MatMul", above, self._weights("step_weight", scorer.step_weight[:, :, None]))
            total = self._node("Add", total, steps)
        if scorer.b1.shape[1]:
            hidden = self._layer(x, "1", scorer.w1, scorer.b1)
            hidden = self._layer(hidden, "2", scorer.w2, scorer.b2)
            deep = self._node("MatMul", hidden, self._weights("w3", scorer.w3[:, :, None]))
            total = self._node("Add", total, deep)
        self._node("Reshape", total, self._constant("flat", np.array([-1])), output="score")

    def _layer(self, x: str, number: str, weights: np.ndarray, bias: np.ndarray) -> str:
        product = self._node("MatMul", x, self._weights(f"w{number}", weights))
        return self._node("Relu", self._node("Add", product, self._weights(f"b{number}", bias[:, None])))

    def _weights(self, name: str, array: np.ndarray) -> str:
        """An array (G, …): the one there is, or each row's region's."""
        if self._regions == 1:
            return self._constant(name, array[0])
        return self._node("Gather", self._constant(name, array), self._region, axis=0)

    def _constant(self, name: str, array: np.ndarray) -> str:
        self.constants.append(numpy_helper.from_array(np.ascontiguousarray(array), name))
        return name

    def _node(self, op: str, *inputs: str, output: str = "", **attributes: Any) -> str:
        output = output or f"{op}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(op, list(inputs), [output], **attributes))
        return output
