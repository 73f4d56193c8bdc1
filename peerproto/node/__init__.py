"""The node floor: what looks after many peers and what they have in common.

A chain of headers on disk (`headerstore`, `headerchain`), a toy miner for demonstrations (`mining`), and the
parts that find peers, keep them connected and show what they do. Imports go down to the peer floor and the
networks, never up.
"""
