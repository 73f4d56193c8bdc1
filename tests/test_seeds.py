"""Tests of the seeds that networks name."""

from __future__ import annotations

import re

from twisted.trial.unittest import SynchronousTestCase

from peerproto import networks
from peerproto.forms.seeds import DnsSeed, Seeds, filtering, plain
from peerproto.node.groups import is_local_net
from peerproto.node.peersfile import shipped_peers

NAME = re.compile(r"([a-z0-9-]{1,63}\.)+[a-z]{2,}")


class SeedsTests(SynchronousTestCase):
    """The data of the networks."""

    def test_names(self) -> None:
        """What is named are names of hosts, each once."""
        for name in networks.names():
            seeds = networks.named(name).seeds
            hosts = [seed.host for seed in seeds.dns] + list(seeds.https)
            self.assertEqual([host for host in hosts if not NAME.fullmatch(host)], [])
            self.assertEqual(len(set(hosts)), len(hosts))

    def test_local_nets(self) -> None:
        """Nobody is asked for nodes that are at home on one machine."""
        for name in filter(is_local_net, networks.names()):
            self.assertEqual(networks.named(name).seeds, Seeds(label=networks.named(name).seeds.label))

    def test_real_nets(self) -> None:
        """Of all other nets somebody knows nodes, but of Soter's main one, which has none of its own."""
        without = [
            name
            for name in networks.names()
            if not is_local_net(name)
            and not (networks.named(name).seeds.dns or networks.named(name).seeds.https)
            and not any(shipped_peers(networks.named(name)))
        ]
        self.assertEqual(without, ["soter-mainnet"])

    def test_labels(self) -> None:
        """Services are asked for by the names below a seed's, as each network's seeds have them."""
        for name, services, label in (
            ("bitcoin-mainnet", 9, "x9."),
            ("litecoin-mainnet", 0x1000009, "x1000009."),
            ("kaspa-mainnet", 1, "n."),
            ("kaspa-mainnet", 5, "n.x5."),
        ):
            self.assertEqual(networks.named(name).seeds.label(services), label)

    def test_what_is_asked_for(self) -> None:
        """Who wants nothing else wants full nodes."""
        for name in networks.names():
            network = networks.named(name)
            asked = network.service_names(network.seeds.services)
            self.assertEqual(asked[0], network.services[0], name)
            self.assertEqual(len(asked), 2 if network.seeds.services == 9 else 1)

    def test_text(self) -> None:
        """A seed is named as it is called: with a port, if that is not the network's."""
        self.assertEqual([*map(str, filtering("a.b"))], ["a.b"])
        self.assertEqual(plain("a.b"), (DnsSeed("a.b", False, 0),))
        self.assertEqual(str(DnsSeed("a.b", port=7)), "a.b:7")
