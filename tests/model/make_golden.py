"""Make `data/<kind>/`: tiny random T5 models by transformers' torch implementation, with what they compute.

    python tests/model/make_golden.py        # needs the extra `torch`

Each folder is a checkpoint as published (`config.json`, `model.safetensors`) with `expected.npz`: inputs, logits,
loss, the gradient's norm and greedy continuations.
"""

import json
import sys
from pathlib import Path

import numpy as np
import torch
from transformers import T5Config, T5ForConditionalGeneration

DATA = Path(__file__).parent / "data"
KINDS = {
    "relu-tied": {"feed_forward_proj": "relu", "tie_word_embeddings": True},
    "gated-gelu-untied": {"feed_forward_proj": "gated-gelu", "tie_word_embeddings": False},
}
SIZES = {
    "d_model": 16,
    "d_ff": 24,
    "d_kv": 4,
    "num_heads": 3,
    "num_layers": 2,
    "num_decoder_layers": 2,
    "vocab_size": 41,
}
SPECIAL = {"pad_token_id": 0, "eos_token_id": 2, "decoder_start_token_id": 0}


def build(kind: str) -> T5ForConditionalGeneration:
    """Return a random model whose numbers are large enough to tell implementations apart."""
    torch.manual_seed(len(kind))
    settings = KINDS[kind]
    config = T5Config(
        **SIZES, **SPECIAL, **settings, dropout_rate=0.0, scale_decoder_outputs=settings["tie_word_embeddings"]
    )
    config.tie_word_embeddings = settings["tie_word_embeddings"]
    model = T5ForConditionalGeneration(config).eval()
    if not settings["tie_word_embeddings"]:
        # transformers 5 unties the stacks' embeddings too; published T5 1.1 checkpoints share them.
        model.encoder.embed_tokens = model.decoder.embed_tokens = model.shared
        model.lm_head.weight = torch.nn.Parameter(torch.randn_like(model.shared.weight) * 0.3)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if "relative_attention_bias" in name or "layer_norm" in name:
                parameter.add_(torch.randn_like(parameter) * 0.5)
    return model


def expected(model: T5ForConditionalGeneration) -> dict[str, np.ndarray]:
    """Return inputs and results for two rows of different lengths."""
    rng = np.random.default_rng(0)
    tokens = rng.integers(3, 41, (2, 150))  # longer than the largest relative distance
    mask = np.arange(150)[None] < np.array([[150], [97]])
    targets = rng.integers(3, 41, (2, 9))
    labels = torch.tensor(targets)
    model.zero_grad()
    result = model(input_ids=torch.tensor(tokens), attention_mask=torch.tensor(mask).long(), labels=labels)
    result.loss.backward()
    norm = torch.sqrt(sum((p.grad**2).sum() for p in model.parameters() if p.grad is not None))
    greedy = model.generate(
        input_ids=torch.tensor(tokens),
        attention_mask=torch.tensor(mask).long(),
        max_new_tokens=20,
        do_sample=False,
        num_beams=1,
    )
    return {
        "tokens": tokens.astype(np.int32),
        "mask": mask,
        "targets": targets.astype(np.int32),
        "logits": result.logits.detach().numpy(),
        "loss": np.float32(result.loss.item()),
        "grad_norm": np.float32(norm.item()),
        "greedy": greedy.numpy()[:, 1:].astype(np.int32),
    }


def main() -> int:
    """Write all folders."""
    for kind in KINDS:
        model = build(kind)
        folder = DATA / kind
        model.save_pretrained(folder)
        np.savez_compressed(folder / "expected.npz", **expected(model))
        (folder / "generation_config.json").unlink(missing_ok=True)
        print(kind, json.dumps({name: list(p.shape) for name, p in list(model.named_parameters())[:2]}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
