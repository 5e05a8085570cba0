"""Graph surgery: the models of a bundle as the branches of one graph, or stacked into one wide network.

Nothing is approximated. A stacked convolution is the models' own convolutions side by side: its weights are theirs
one after the other, and each model's channels meet its own weights alone (``group``).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt

FILM: Final = "film"
_PER_CHANNEL: Final = frozenset(
    {"Clip", "Relu", "LeakyRelu", "HardSwish", "Sigmoid", "MaxPool", "AveragePool", "GlobalAveragePool", "Cast"}
)
"""Operators that treat each channel alone, with the same parameters for all."""

_LEAST_STACKED: Final = 0.5
"""Share of the weights that must be stacked for the wide network to be one."""

Model = Any
Node = Any
Array = npt.NDArray[Any]


class CannotMergeError(ValueError):
    """The models do not go into one graph; the message says why."""


def merge_branches(models: Mapping[str, bytes]) -> bytes:
    """Put the models side by side in one graph.

    Parameters
    ----------
    models
        ONNX bytes by name. Every model takes ``film``; its output ``x`` becomes ``name/x``.

    Raises
    ------
    CannotMergeError
        The models are of different opsets.
    """
    parsed = _parse(models)
    nodes, constants = [], []
    for name, model in parsed.items():
        _rename(model.graph, name, {FILM: FILM})
        nodes += model.graph.node
        constants += model.graph.initializer
    return _assemble(parsed, nodes, constants)


def merge_stacked(models: Mapping[str, bytes]) -> bytes:
    """Stack models of one architecture into a wide network of grouped convolutions.

    The models are walked through together for as long as their nodes are alike and of a kind that can be stacked along
    the channels; from there on each goes its own way, over its own slice.

    Parameters
    ----------
    models
        ONNX bytes by name, as for `merge_branches`.

    Raises
    ------
    CannotMergeError
        There is one model; they are of different opsets, or less than half of their weights can be stacked.
    """
    if len(models) < 2:
        raise CannotMergeError("there is one model")
    parsed = _parse(models)
    stack = _Stack({name: model.graph for name, model in parsed.items()})
    stack.walk()
    if stack.stacked_share() < _LEAST_STACKED:
        raise CannotMergeError("the models are not alike enough to be stacked")
    nodes, constants = stack.finish()
    return _assemble(parsed, nodes, constants)


class _Stack:
    """Walks through equal graphs together; tensors go by the first graph's names while they are in common."""

    def __init__(self, graphs: Mapping[str, Any]) -> None:
        from onnx import numpy_helper

        self._graphs = graphs
        self._first = next(iter(graphs.values()))
        self._values: list[dict[str, Array]] = [
            {each.name: numpy_helper.to_array(each) for each in graph.initializer} for graph in graphs.values()
        ]
        # For each graph, the common name of each of its tensors that the walk has reached.
        self._common: list[dict[str, str]] = [{FILM: FILM} for _ in graphs]
        self._channels: dict[str, int] = {}  # of one model, for tensors that are stacked
        self._nodes: list[Node] = []
        self._constants: dict[str, Array] = {}
        self._walked = 0
        self._stacked_weights = 0

    def walk(self) -> None:
        """Go on while the next nodes of all graphs can be one node."""
        outputs = {each.name for each in self._first.output}
        for nodes in zip(*(graph.node for graph in self._graphs.values()), strict=False):
            if outputs & set(nodes[0].output):  # each model has its own, under its own name
                break
            if not (self._alike(nodes) and (self._share(nodes) or self._widen(nodes) or self._stack(nodes))):
                break
            for node, names in zip(nodes, self._common, strict=True):
                names.update(zip(node.output, nodes[0].output, strict=True))
            self._walked += 1

    def stacked_share(self) -> float:
        """Share of the first graph's constants that were stacked, 0..1."""
        return self._stacked_weights / max(1, sum(value.size for value in self._values[0].values()))

    def finish(self) -> tuple[list[Node], list[Any]]:
        """Give each model the rest of its nodes; answers the nodes and constants of the whole."""
        from onnx import numpy_helper

        slices: dict[str, list[str]] = {}
        nodes = list(self._nodes)
        constants = [numpy_helper.from_array(value, name) for name, value in self._constants.items()]
        tails = []
        for index, (name, graph) in enumerate(self._graphs.items()):
            rest = type(graph)()
            rest.node.extend(list(graph.node)[self._walked :])
            used = {each for node in rest.node for each in node.input}
            rest.initializer.extend(each for each in graph.initializer if each.name in used)
            inherited = {own: common for own, common in self._common[index].items() if own in used}
            for common in inherited.values():
                if common in self._channels:
                    slices.setdefault(common, [f"{other}/{common}" for other in self._graphs])
            _rename(
                rest,
                name,
                {own: slices[common][index] if common in slices else common for own, common in inherited.items()},
            )
            tails += rest.node
            constants += rest.initializer
        for common, parts in slices.items():
            nodes.append(self._split(common, parts, constants))
        return nodes + tails, constants

    def _split(self, common: str, parts: list[str], constants: list[Any]) -> Node:
        from onnx import helper, numpy_helper

        sizes = np.full(len(parts), self._channels[common], np.int64)
        constants.append(numpy_helper.from_array(sizes, f"{common}/sizes"))
        return helper.make_node("Split", [common, f"{common}/sizes"], parts, axis=1)

    def _alike(self, nodes: Sequence[Node]) -> bool:
        """Same operator, same attributes, same place in the graph."""
        first = nodes[0]
        return all(
            node.op_type == first.op_type
            and len(node.input) == len(first.input)
            and len(node.output) == len(first.output)
            and _attributes(node) == _attributes(first)
            and self._sources(node, index) == self._sources(first, 0)
            for index, node in enumerate(nodes)
        )

    def _sources(self, node: Node, index: int) -> list[str]:
        """Where the inputs come from: the common name, or nothing for a constant or an absent input."""
        return [self._common[index].get(each, "") for each in node.input]

    def _constants_of(self, nodes: Sequence[Node], position: int) -> list[Array] | None:
        """One input of all the nodes where it is a constant of one shape in each, else None."""
        found = [
            values.get(node.input[position]) if len(node.input) > position else None
            for values, node in zip(self._values, nodes, strict=True)
        ]
        arrays = [each for each in found if each is not None]
        same = len(arrays) == len(nodes) and len({(each.shape, each.dtype) for each in arrays}) == 1
        return arrays if same else None

    def _keep_equal_constants(self, nodes: Sequence[Node]) -> bool:
        """Keep the first node's constants where they are equal in all."""
        kept = {}
        for position, name in enumerate(nodes[0].input):
            if not name or name in self._common[0]:
                continue
            arrays = self._constants_of(nodes, position)
            if arrays is None or any(not np.array_equal(each, arrays[0]) for each in arrays):
                return False
            kept[name] = arrays[0]
        self._constants.update(kept)
        return True

    def _share(self, nodes: Sequence[Node]) -> bool:
        """Compute once what is the same for all models, such as the film's normalisation."""
        if any(each in self._channels for each in nodes[0].input) or not self._keep_equal_constants(nodes):
            return False
        self._nodes.append(nodes[0])
        return True

    def _stack(self, nodes: Sequence[Node]) -> bool:
        """Treat all models' channels in one node of an operator that treats each channel alone."""
        first = nodes[0]
        stacked = [each for each in first.input if each in self._channels]
        elementwise = first.op_type in {"Add", "Mul"} and len(stacked) == 2
        if not elementwise and not (first.op_type in _PER_CHANNEL and len(stacked) == 1):
            return False
        if len({self._channels[each] for each in stacked}) != 1 or not self._keep_equal_constants(nodes):
            return False
        self._nodes.append(first)
        self._channels[first.output[0]] = self._channels[stacked[0]]
        return True

    def _widen(self, nodes: Sequence[Node]) -> bool:
        """Make one grouped convolution of the models' convolutions."""
        from onnx import helper

        first = nodes[0]
        if first.op_type != "Conv":
            return False
        weights, biases = self._constants_of(nodes, 1), self._constants_of(nodes, 2)
        source, group = first.input[0], dict(_attributes(first)).get("group", 1)
        if weights is None or (len(first.input) == 3 and biases is None):
            return False
        if source not in self._channels and group != 1:
            return False
        names = [source, f"{first.output[0]}/weight"]
        self._constants[names[1]] = np.concatenate(weights)
        if biases is not None:
            names.append(f"{first.output[0]}/bias")
            self._constants[names[2]] = np.concatenate(biases)
        attributes = {
            **dict(_attributes(first)),
            "group": group * (len(nodes) if source in self._channels else 1),
        }
        self._nodes.append(helper.make_node("Conv", names, list(first.output), **attributes))
        self._channels[first.output[0]] = int(weights[0].shape[0])
        self._stacked_weights += weights[0].size
        return True


def _parse(models: Mapping[str, bytes]) -> dict[str, Model]:
    import onnx

    parsed = {name: onnx.load_model_from_string(data) for name, data in models.items()}
    nodes = (node for model in parsed.values() for node in model.graph.node)
    if any(attribute.HasField("g") or attribute.graphs for node in nodes for attribute in node.attribute):
        raise CannotMergeError("a model has branches of its own")
    if len({_opset(model) for model in parsed.values()}) > 1:
        raise CannotMergeError("the models are of different opsets")
    return parsed


def _opset(model: Model) -> int:
    return max((int(each.version) for each in model.opset_import if each.domain in ("", "ai.onnx")), default=0)


def _assemble(parsed: Mapping[str, Model], nodes: Sequence[Node], constants: Sequence[Any]) -> bytes:
    """One model of these nodes, with every model's outputs under its name."""
    from onnx import helper

    models = list(parsed.values())
    outputs = []
    for name, model in parsed.items():
        for output in model.graph.output:
            renamed = type(output)()
            renamed.CopyFrom(output)
            renamed.name = f"{name}/{output.name}"
            outputs.append(renamed)
    graph = helper.make_graph(nodes, "bundle", [models[0].graph.input[0]], outputs, constants)
    merged = helper.make_model(
        graph,
        opset_imports=list(models[0].opset_import),
        ir_version=max(model.ir_version for model in models),
    )
    return bytes(merged.SerializeToString())


def _rename(graph: Any, name: str, kept: Mapping[str, str]) -> None:  # noqa: ANN401
    """Put ``name/`` before the name of every node and tensor but those in `kept`, which get the name it gives."""
    for number, node in enumerate(graph.node):
        node.name = f"{name}/{number}"
        for names in (node.input, node.output):
            names[:] = [kept.get(each, f"{name}/{each}") if each else "" for each in names]
    for constant in graph.initializer:
        constant.name = f"{name}/{constant.name}"


def _attributes(node: Node) -> list[tuple[str, Any]]:
    from onnx import helper

    return sorted((each.name, helper.get_attribute_value(each)) for each in node.attribute)
