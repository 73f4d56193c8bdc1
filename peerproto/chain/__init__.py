"""Floor 1.2: what a chain of headers must obey. `rules` is the form that a network fills in, `difficulty` the
arithmetic of the bits that each header must have. No network's numbers stand here.
"""
