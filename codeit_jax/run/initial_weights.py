"""Pretrained weights as the policy's first parameters, in the run's vocabulary."""

from pathlib import Path

from codeit_jax.config.errors import UserError
from codeit_jax.config.schema import ModelConfig
from codeit_jax.model import Params
from codeit_jax.model.huggingface import load_pretrained, replace_vocabulary
from codeit_jax.model.published_config import SpecialIds
from codeit_jax.text import Tokenizer
from codeit_jax.text.bpe import BpeTokenizer
from codeit_jax.text.native import NativeTokenizer
from codeit_jax.text.vocabularies import token_pieces


def load_initial_params(config: ModelConfig, tokenizer: Tokenizer) -> Params | None:
    """Read `model.weights`; with `model.weights_tokenizer`, bring them to the native vocabulary.

    Args:
        config: of the network, and where the weights are.
        tokenizer: the run's.

    Returns:
        NumPy arrays; None where no weights are configured.

    Raises:
        UserError: the weights, or their tokenizer's files, aren't as they should be or don't belong together.
    """
    if config.weights_tokenizer is not None and (config.weights is None or not isinstance(tokenizer, NativeTokenizer)):
        raise UserError(
            f"model.weights_tokenizer is {config.weights_tokenizer!r}, expected none without model.weights and "
            f"text.tokenizer 'native' (found {config.weights!r} and {tokenizer.name!r})"
        )
    if config.weights is None:
        return None
    folder = Path(config.weights).expanduser()
    if config.weights_tokenizer is None:
        return load_pretrained(folder, config, tokenizer.vocabulary_size, _special_ids(tokenizer))
    assert isinstance(tokenizer, NativeTokenizer)  # checked above; for the type checker
    # The weights are loaded in the vocabulary that they were trained in; then each native token's embedding is made of
    # those of the pieces that its text has there.
    bpe = BpeTokenizer(Path(config.weights_tokenizer).expanduser())
    params = load_pretrained(folder, config, bpe.vocabulary_size, _special_ids(bpe))
    return replace_vocabulary(params, token_pieces(tokenizer, bpe))


def _special_ids(tokenizer: Tokenizer) -> SpecialIds:
    return SpecialIds(pad=tokenizer.pad_id, start=tokenizer.start_id, end=tokenizer.end_id)
