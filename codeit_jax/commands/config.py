"""`codeit-jax config show [--diff] [--config FILE] [key=value ...]`: the resolved configuration."""

import argparse

from codeit_jax.commands.cli_options import add_config_arguments


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the verb `config show`."""
    verbs = subparsers.add_parser("config", help="show a configuration").add_subparsers(metavar="show", required=True)
    parser = verbs.add_parser("show", help="print the resolved configuration as YAML")
    add_config_arguments(parser)
    parser.add_argument("--diff", action="store_true", help="only what differs from the defaults")
    parser.add_argument("--json", action="store_true", help="print one JSON object instead")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Print the configuration."""
    import json

    import yaml

    from codeit_jax.config.loading import changed_settings, load_config, to_yaml
    from codeit_jax.config.schema import Config

    overrides = [*arguments.overrides, *([] if arguments.seed is None else [f"seed={arguments.seed}"])]
    config = load_config(arguments.config, overrides)
    if arguments.diff:
        changes = changed_settings(Config(), config)
        for key, (default, value) in {} if arguments.json else changes.items():
            print(f"{key}: {value!r} (default {default!r})")
        if arguments.json:
            print(json.dumps({key: value for key, (_, value) in changes.items()}))
    else:
        text = to_yaml(config)
        print(json.dumps(yaml.safe_load(text)) if arguments.json else text, end="\n" if arguments.json else "")
    return 0
