"""The parts of the form that a network fills in, each for one thing in which networks differ.

`peerproto.network.Network` is the whole form.
"""
