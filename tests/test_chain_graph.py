"""Tests of walks over a graph, against the same by brute force."""

from __future__ import annotations

from random import Random

from peerproto import networks
from peerproto.chain.graph import STEPS, Vertex, between, down_to, selected_of
from peerproto.node.graphstore import GraphStore
from tests.graph_case import NETWORKS, GraphCase, walked

SOTER = networks.named("soter-simnet")


def past_of(graph: GraphStore, vertex: Vertex) -> set[int]:
    """The numbers of a block and of all before it."""
    found, left = set(), [vertex.row]
    while left:
        row = left.pop()
        if row not in found:
            found.add(row)
            left += graph.vertex(row).parents
    return found


class WalkCase(GraphCase):
    """A graph without any order in it."""

    def tangled(self, count: int, seed: int = 1) -> list[Vertex]:
        """Blocks with up to three parents each, any of the last ten."""
        random, self.graph = Random(seed), self.empty(SOTER)
        found = [self.graph.selected]
        while len(found) < count:
            parents = random.sample(found[-10:], min(random.randint(1, 3), len(found)))
            found.append(self.add(SOTER, self.graph, *parents))
        return found


class BetweenTests(WalkCase):
    """What is in the past of one block and not in that of another."""

    def test_any_two(self) -> None:
        """It is what brute force finds, parents before children, the low one included if it is before the high one."""
        vertices = self.tangled(90)
        random = Random(2)
        for _ in range(150):
            low, high = sorted(random.sample(vertices, 2), key=lambda vertex: vertex.rank)
            found, _ = walked(between(self.graph, low, high, 1000))
            before = past_of(self.graph, low) - {low.row}
            wanted = [self.graph.vertex(row) for row in past_of(self.graph, high) - before]
            self.assertEqual(
                found, [vertex.block_hash for vertex in sorted(wanted, key=lambda vertex: vertex.place)]
            )

    def test_same(self) -> None:
        """Between a block and itself there is that one."""
        (first, *_, last) = self.tangled(20)
        for vertex in (first, last):
            self.assertEqual(walked(between(self.graph, vertex, vertex, 10))[0], [vertex.block_hash])

    def test_most(self) -> None:
        """Of too many the lowest are found."""
        vertices = self.tangled(60)
        tip = self.graph.selected
        everything, _ = walked(between(self.graph, vertices[0], tip, 1000))
        self.assertEqual(walked(between(self.graph, vertices[0], tip, 7))[0], everything[:7])

    def test_pauses(self) -> None:
        """It pauses now and then, and goes no further down than it must."""
        graph = self.empty(SOTER)
        vertices = [graph.selected, *(self.add(SOTER, graph) for _ in range(10 * STEPS))]
        found, pauses = walked(between(graph, vertices[0], vertices[-1], 1000))
        self.assertEqual((len(found), pauses), (10 * STEPS + 1, 10))
        found, pauses = walked(between(graph, vertices[-10], vertices[-1], 1000))
        self.assertEqual((len(found), pauses), (10, 0))


class ChainTests(WalkCase):
    """The way down the selected parents."""

    def test_down(self) -> None:
        """Each step goes to the parent that ranks highest, to the first block that is low enough, or to the end."""
        self.tangled(80)
        at = self.graph.selected
        for most in range(at.rank, -3, -1):
            found, _ = walked(down_to(self.graph, self.graph.selected, most))
            while at.rank > most and at.parents:
                at = selected_of(self.graph.vertex(row) for row in at.parents)
            self.assertEqual(found, at)
        self.assertEqual(at.rank, 0)

    def test_pauses(self) -> None:
        """It pauses now and then."""
        graph = self.empty(SOTER)
        for _ in range(3 * STEPS):
            self.add(SOTER, graph)
        self.assertEqual(walked(down_to(graph, graph.selected, 0))[1], 3)


class OrderTests(GraphCase):
    """Which block is better."""

    def test_selected(self) -> None:
        """The one that ranks higher; of equal ones, that with the lower hash as a number."""
        low, high = (Vertex(1, bytes(31) + bytes([number]), 5, ()) for number in (1, 2))
        higher = Vertex(2, b"\xff" * 32, 6, ())
        self.assertEqual(selected_of([high, low]), low)
        self.assertEqual(selected_of([low, higher, high]), higher)

    def test_as_the_store_has_it(self) -> None:
        """The store's tip, and the first parent of each block, are chosen so."""
        for network in NETWORKS:
            graph = self.grown(network, 60)
            vertices = [graph.vertex(row) for row in range(len(graph))]
            self.assertEqual(graph.selected, selected_of(vertices))
            for vertex in vertices[1:]:
                parents = [vertices[row] for row in vertex.parents]
                self.assertEqual(parents[0], selected_of(parents))
                self.assertTrue(all(row < vertex.row for row in vertex.parents))
