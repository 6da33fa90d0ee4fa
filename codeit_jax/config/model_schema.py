"""The settings of the policy network, the section `model` of a configuration."""

from typing import Literal

from pydantic import ConfigDict
from pydantic.dataclasses import dataclass

from codeit_jax.config.value_types import (
    NonNegativeInt,
    PositiveFloat,
    PositiveInt,
    Probability,
)

FamilyName = Literal["t5", "llama", "mistral", "qwen2"]
Matrix = Literal["query", "key", "value", "output", "inner", "gate", "outer"]
RopeScaling = Literal["none", "linear", "dynamic", "llama3"]


@dataclass(frozen=True, kw_only=True, config=ConfigDict(extra="forbid"))
class ModelConfig:
    """The policy: a T5 (Raffel et al., 2020), by default CodeT5-small, or a decoder alone, of the Llama family."""

    family: FamilyName = "t5"
    """The architecture, by the `model_type` of published checkpoints; all but `t5` are decoders alone."""
    d_model: PositiveInt = 512
    """Width of the residual stream."""
    d_ff: PositiveInt = 2048
    """Width of the feed-forward layer."""
    d_kv: PositiveInt = 64
    """Width of a head's queries, keys and values."""
    num_heads: PositiveInt = 8
    """Attention heads of a layer."""
    num_kv_heads: PositiveInt | None = None
    """Heads of keys and values, each shared by as many heads of queries; null is `num_heads`. Not of T5."""
    num_encoder_layers: PositiveInt = 6
    """Layers that read the prompt, of T5."""
    num_decoder_layers: PositiveInt = 6
    """Layers that write the program; in a decoder alone, all of them."""
    feed_forward: Literal["relu", "gated-gelu"] = "relu"
    """The feed-forward layer of T5 v1.0, or of v1.1; the other families have SwiGLU."""
    tie_embeddings: bool = True
    """The output head is the embedding; T5's decoder outputs are then scaled by `d_model ** -0.5`."""
    dropout: Probability = 0.1
    """Share of activations dropped while training."""
    num_buckets: PositiveInt = 32
    """Relative positions that T5's attention tells apart."""
    max_distance: PositiveInt = 128
    """Tokens further apart than this share a bucket."""
    attention_bias: bool = False
    """Biases of all four of attention's matrices, in `llama`; `qwen2` always has those of three."""
    feed_forward_bias: bool = False
    """Biases of the feed-forward layer, in `llama`."""
    sliding_window: PositiveInt | None = None
    """Tokens that attention looks back, itself included, in `mistral` and `qwen2`; null is all."""
    num_full_layers: NonNegativeInt = 0
    """First layers that look back at all tokens whatever the window, in `qwen2`."""
    rope_theta: PositiveFloat = 10_000.0
    """Base of the rotary positions."""
    rope_scaling: RopeScaling = "none"
    """How the rotary positions are stretched beyond the length that they were trained with."""
    rope_factor: PositiveFloat = 1.0
    """By how much."""
    rope_length: PositiveInt = 4096
    """Tokens of the sequences that the positions were trained with, for `dynamic` and `llama3`."""
    rope_window: PositiveInt | None = None
    """Tokens of the longest sequence, prompt and program, that `dynamic` stretches for; null is `rope_length`."""
    rope_low_frequency: PositiveFloat = 1.0
    """Rotations in `rope_length` tokens below which `llama3` stretches by the whole factor."""
    rope_high_frequency: PositiveFloat = 4.0
    """Rotations above which it doesn't stretch."""
    norm_epsilon: PositiveFloat = 1e-6
    """Added to the mean square that a layer norm divides by the root of."""
    dtype: Literal["float32", "bfloat16"] = "float32"
    """Numbers of the computation; what is learned stays float32."""
    vocabulary_size: PositiveInt | None = None
    """Rows of the embedding, where the weights have more than the tokenizer has tokens; null is as many."""
    scan_layers: bool = True
    """Run equal layers in a loop, so that compiling takes a time that doesn't grow with depth."""
    remat: Literal["none", "dots", "layer"] = "none"
    """Recompute attention's weights (`dots`) or whole layers in the backward pass, to save memory."""
    weights: str | None = None
    """Folder with config.json and the tensors; null starts from random weights (ablation A4)."""
    weights_tokenizer: str | None = None
    """Folder with the weights' own byte pairs, for `text.tokenizer: native`: each new token's embedding starts as the
    mean of its text's pieces."""
    lora_rank: NonNegativeInt = 0
    """Rank of adapters (LoRA, Hu et al., 2021), which alone are then learned and saved; all else stays as it is, in
    bfloat16. 0 learns all."""
    lora_alpha: PositiveFloat = 16.0
    """Scales what the adapters add, divided by their rank."""
    lora_dropout: Probability = 0.0
    """Share of the adapters' inputs dropped while training."""
    lora_targets: tuple[Matrix, ...] = ("query", "value")
    """The matrices that have adapters, in every layer: attention's four, and the feed-forward layer's `inner`, `gate`
    and `outer`."""
    lora_weights: str | None = None
    """Folder with adapters in PEFT's format to start from; null starts from such as add nothing."""
