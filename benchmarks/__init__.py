"""How fast peerproto is, beside the floor that Twisted and hashlib set. See README.rst."""
