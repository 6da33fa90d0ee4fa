"""A trained policy as a folder that transformers, or PEFT, loads."""

import json
import shutil
import tempfile
from pathlib import Path

import jax
from safetensors import SafetensorError

from codeit_jax.config.errors import StorageError, UserError, first_line
from codeit_jax.inference.trained_policy import Policy
from codeit_jax.model.adapters import merge as merge_adapters
from codeit_jax.model.huggingface import save_pretrained
from codeit_jax.model.peft import save_adapters
from codeit_jax.storage.faults import fault_point


def export_policy(policy: Policy, folder: Path, card: str, *, merge: bool = False) -> None:
    """Write weights, configuration, tokenizer and model card; the folder appears when it is whole.

    A policy with adapters is written as those alone, for PEFT, or merged.

    Args:
        policy: what to write.
        folder: must not exist, or be empty.
        card: the text of README.md: see `model_card`.
        merge: add the adapters to their matrices and write all parameters.

    Raises:
        UserError: there is something at that path, or nothing to merge.
        StorageError: the disk is full or can't be written.
    """
    if merge and not policy.model.config.lora_rank:
        raise UserError("model.lora_rank is 0, expected a run with adapters: without them nothing is to be merged")
    folder = folder.expanduser().absolute()
    try:
        if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
            raise UserError(f"{folder}: is there already, expected a path for a new folder")
        folder.parent.mkdir(parents=True, exist_ok=True)
        # Written beside its place and renamed: whoever sees the folder sees all of it. Under a name that nobody has: a
        # killed export leaves its own, and a process of the same number may come.
        place = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", suffix=".tmp", dir=folder.parent))
        try:
            unfinished = place / folder.name  # mkdtemp's own folder is for its owner alone
            unfinished.mkdir()
            _write(policy, unfinished, merge)
            (unfinished / "README.md").write_text(card, encoding="utf-8")
            fault_point("export")
            unfinished.rename(folder)  # over an empty folder, too
        finally:
            shutil.rmtree(place, ignore_errors=True)
    except (OSError, SafetensorError) as error:
        problem = getattr(error, "strerror", None) or first_line(error)
        raise StorageError(f"{folder}: can't be written ({problem})") from None


def _write(policy: Policy, folder: Path, merge: bool) -> None:
    tokenizer, params = policy.tokenizer, jax.device_get(policy.params)
    if policy.model.config.lora_rank and not merge:
        save_adapters(folder, params, policy.model)
        tokenizer.save(folder)
        return
    ids = {"pad_id": tokenizer.pad_id, "end_id": tokenizer.end_id, "start_id": tokenizer.start_id}
    params = merge_adapters(params, policy.model.config) if merge else params
    save_pretrained(folder, params, policy.model, **ids)
    tokenizer.save(folder)
    # The run's own sampling: `generate()` draws from the same distribution, but for grammar and allowed vocabulary.
    sampling = policy.config.sampling
    # transformers refuses a temperature of 0: greedy is a mode of its own there.
    greedy = sampling.temperature == 0
    draws = {"do_sample": True, "temperature": sampling.temperature, "top_k": sampling.top_k}
    generation = ({"do_sample": False} if greedy else draws) | {
        "max_new_tokens": policy.config.text.max_program_tokens,
        "pad_token_id": tokenizer.pad_id,
        "eos_token_id": tokenizer.end_id,
    }
    if policy.model.config.family == "t5":
        generation["decoder_start_token_id"] = tokenizer.start_id
    (folder / "generation_config.json").write_text(json.dumps(generation, indent=2) + "\n", encoding="utf-8")
