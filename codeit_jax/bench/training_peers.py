"""The peer of the training benchmark: transformers' T5 in torch, with torch's AdamW, as one would write it by hand."""

import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np

from codeit_jax.config.schema import TrainingConfig
from codeit_jax.model import Params, T5Model
from codeit_jax.model.huggingface import save_pretrained
from codeit_jax.training import TrainBatch

IGNORED = -100  # torch's cross-entropy leaves such targets out


def torch_step(
    model: T5Model, params: Params, config: TrainingConfig, *, num_threads: int
) -> Callable[[TrainBatch], float]:
    """Return a training step with our weights that takes a batch and returns its loss.

    Args:
        model: its dropout must be 0.
        params: are copied.
        config: of AdamW.
        num_threads: of torch.

    Raises:
        ImportError: torch or transformers isn't installed.
    """
    # Imported here: torch is a peer, not a dependency.
    import torch
    import transformers

    torch.set_num_threads(num_threads)
    with tempfile.TemporaryDirectory() as folder:
        save_pretrained(Path(folder), params, model, pad_id=0, end_id=2, start_id=0)
        network = transformers.T5ForConditionalGeneration.from_pretrained(folder)
    network.train()  # the mode of training; dropout is 0 on both sides
    optimizer = torch.optim.AdamW(
        network.parameters(),
        lr=config.learning_rate,
        betas=(config.beta1, config.beta2),
        weight_decay=config.weight_decay,
    )

    def step(batch: TrainBatch) -> float:
        labels = np.where(batch.loss_mask, batch.decoder_target_tokens, IGNORED)
        result = network(
            input_ids=torch.from_numpy(np.asarray(batch.encoder_input_tokens, np.int64)),
            attention_mask=torch.from_numpy(np.asarray(batch.encoder_mask, np.int64)),
            decoder_input_ids=torch.from_numpy(np.asarray(batch.decoder_input_tokens, np.int64)),
            labels=torch.from_numpy(labels.astype(np.int64)),
        )
        # transformers averages over the tokens that aren't left out, as our loss does.
        optimizer.zero_grad()
        result.loss.backward()
        optimizer.step()
        return float(result.loss)

    return step
