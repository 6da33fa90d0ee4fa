"""The verbs of `codeit-jax`, a module each: `add_parser` declares a verb, `run` executes it.

All parsers are built for every command, so a module imports at its top only what a parser needs; everything heavy is
imported by the function that uses it. So `--help` is quick, and the interpreter's worker processes, which import the
main module again, stay free of JAX.
"""
