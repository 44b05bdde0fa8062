"""prober: does every endpoint get through every way out of this network, and who broke it?"""

__version__ = "0.1.0"
