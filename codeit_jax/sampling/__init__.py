"""Drawing programs from the policy."""

from codeit_jax.sampling.sampler import SampledProgram, Sampler, with_canonical_texts

__all__ = ["SampledProgram", "Sampler", "with_canonical_texts"]
