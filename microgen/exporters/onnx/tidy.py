"""Takes out of a file's nodes what writing them one by one leaves behind."""

from __future__ import annotations

from typing import Any


def tidy(nodes: list[Any], constants: dict[str, Any], outputs: set[str]) -> None:
    """Let the nodes that compute ``outputs`` (NodeProtos) bear their names, and drop what nobody reads."""
    _name_outputs(nodes, outputs)
    used = set(outputs)
    kept = []
    for node in reversed(nodes):
        if any(name in used for name in node.output):
            used.update(node.input)
            kept.append(node)
    nodes[:] = reversed(kept)
    for name in [name for name in constants if name not in used]:
        del constants[name]


def _name_outputs(nodes: list[Any], outputs: set[str]) -> None:
    """Drop each Identity of a computed tensor that is not an output itself, which gets the output's name."""
    producers = {name: node for node in nodes for name in node.output}
    for copy in [node for node in nodes if node.op_type == "Identity" and node.output[0] in outputs]:
        source, name = copy.input[0], copy.output[0]
        producer = producers.get(source)
        if producer is None or source in outputs or producer.op_type == "Identity":
            continue
        nodes.remove(copy)
        for node in nodes:
            node.input[:] = [name if given == source else given for given in node.input]
        producer.output[:] = [name if made == source else made for made in producer.output]
        if producer.name == source:
            producer.name = name
        producers[name] = producer
        outputs.add(name)
