"""The nodes of a cluster: what each has, and what one cannot see of what the work needs."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from uuid import uuid4

import ray

from reportgen.images.files import InputFile, UnreadableFile
from reportgen.storage.store import Store
from reportgen.utils.errors import Problems, ReportgenError, first_line
from reportgen.utils.hashing import digest_of
from reportgen.utils.versions import own_version, versions

# Memory of a worker with three networks in it, 1.2 GB at its highest, and what it needs besides.
WORKER_BYTES = 3 << 29


@dataclass(frozen=True)
class Node:
    """A node that is alive. `memory`: bytes that Ray may give to workers."""

    id: str
    address: str
    cpus: float
    gpus: float
    memory: float

    @property
    def cpu_workers(self) -> int:
        """Workers of one core each that it has room for."""
        return min(int(self.cpus), max(1, int(self.memory // WORKER_BYTES)))


@dataclass(frozen=True)
class Mark:
    """What is written into the store by one machine and read by another."""

    text: str


@dataclass(frozen=True)
class Needed:
    """What every node has to see.

    Attributes:
        files: some of the images; mark: what the driver has written into the store.
        versions: of Python and of the packages that change results, by name.
    """

    files: tuple[InputFile, ...]
    store: Store
    mark: Mark
    versions: Mapping[str, str]


def nodes_alive() -> tuple[Node, ...]:
    """The nodes of the cluster that this process is connected to, without those that are given no work."""
    found = []
    for about in ray.nodes():
        has = about["Resources"]
        if about["Alive"] and has.get("CPU", 0) > 0:
            numbers = (float(has.get(key, 0)) for key in ("CPU", "GPU", "memory"))
            found.append(Node(about["NodeID"], about["NodeManagerAddress"], *numbers))
    return tuple(found)


def local_versions(packages: Sequence[str]) -> dict[str, str]:
    """Of this machine: Python to its minor version, reportgen, and of the packages those that are installed."""
    python = f"{sys.version_info.major}.{sys.version_info.minor}"
    return {"Python": python, "reportgen": own_version(), **versions(packages)}


def require_seen(nodes: Sequence[Node], files: Sequence[InputFile], store: Store, packages: Sequence[str]) -> None:
    """One task looks on each node, before any work.

    Raises:
        Problems: what a node does not see, a line each.
    """
    needed = Needed((*files[:1], *files[1:][-1:]), store, Mark(uuid4().hex), local_versions(packages))
    store.put(_key("driver"), needed.mark)
    look = ray.remote(num_cpus=0, max_retries=1)(looked)
    asked = [(node, look.options(scheduling_strategy=_on(node)).remote(needed, node.id)) for node in nodes]
    lines: list[str] = []
    for node, answer in asked:
        try:
            missing = list(ray.get(answer))
        except ray.exceptions.RayTaskError as error:
            missing = [f"reportgen does not run there ({first_line(error.cause or error)}); install it on every node"]
        except ray.exceptions.RayError as error:
            missing = [f"gives no answer ({first_line(error)})"]
        written = store.get(_key(node.id), Mark)
        if not missing and (written is None or written != needed.mark):
            missing = [f"its results do not come here; {_SHARE}"]
        lines += [f"node {node.address}: {line}" for line in missing]
    if lines:
        raise Problems(lines)


_SHARE = "give --store, an address or a folder that all nodes see at the same path"


def looked(needed: Needed, node: str) -> list[str]:
    """Run on a node: what it cannot see, a line each; where it sees the store it writes its own mark."""
    return list(_unseen(needed, node))


def _unseen(needed: Needed, node: str) -> Iterator[str]:
    for file in needed.files:
        try:
            file.head(1)
        except UnreadableFile as error:
            shown = file.name if file.stored else file.path
            yield f"cannot read {shown} ({error.reason}); put the images where every node sees them, at the same path"
            break
    if needed.store.get(_key("driver"), Mark) != needed.mark:
        yield f"does not see the results of the machine that the command was given on; {_SHARE}"
    else:
        try:
            needed.store.put(_key(node), needed.mark)
        except ReportgenError as error:
            yield f"{error}; {_SHARE}"
    here = local_versions([name for name in needed.versions if name not in ("Python", "reportgen")])
    for name, version in needed.versions.items():
        if here.get(name) != version:
            yield f"has {name} {here.get(name, 'not at all')}, and {version} is needed; install the same on every node"


def _key(who: str) -> str:
    return digest_of(["mark of a node", who])


def _on(node: Node) -> object:
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    return NodeAffinitySchedulingStrategy(node.id, soft=False)
