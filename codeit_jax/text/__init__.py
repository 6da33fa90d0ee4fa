"""Prompts and tokenizers: tasks and programs as token ids, and ids back to programs."""

from codeit_jax.text.buckets import Bucket, choose_bucket_lengths, group_rows, pad_rows
from codeit_jax.text.tokenizer import EncodedPrompt, TokenIds, Tokenizer
from codeit_jax.text.vocabularies import build_tokenizer

__all__ = [
    "Bucket",
    "EncodedPrompt",
    "TokenIds",
    "Tokenizer",
    "build_tokenizer",
    "choose_bucket_lengths",
    "group_rows",
    "pad_rows",
]
