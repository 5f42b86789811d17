"""The selective state-space scan of Mamba (arXiv:2312.00752), and its gradient: one function, a way for each device.

    y = scan(u, delta, A, B, C, D)

A state of N numbers per channel is carried along a sequence. What it forgets, takes in and gives out at each step is
read from the sequence itself, so that time and memory are linear in its length.
"""

from swath.nn.scan.function import scan
from swath.nn.scan.reference import reference

__all__ = ["reference", "scan"]
