"""Drawing programs from the policy."""

from codeit_jax.sampling.sampler import SampledProgram, Sampler

__all__ = ["SampledProgram", "Sampler"]
