"""`codeit-jax config show|presets|reference|recipes`: the resolved configuration, what ships, the generated pages."""

import argparse

from codeit_jax.commands.cli_options import add_config_arguments


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the verbs `config show`, `config presets`, `config reference` and `config recipes`."""
    parser = subparsers.add_parser("config", help="show a configuration, the presets, or all settings")
    verbs = parser.add_subparsers(metavar="show|presets|reference|recipes", required=True)

    show = verbs.add_parser("show", help="print the resolved configuration as YAML, a setting a line")
    add_config_arguments(show)
    parts = show.add_mutually_exclusive_group()
    parts.add_argument("--diff", action="store_true", help="only what differs from the defaults")
    parts.add_argument("--diff-recipe", action="store_true", help="only where it leaves its recipe")
    show.add_argument("--json", action="store_true", help="print one JSON object instead")
    show.set_defaults(run=run_show)

    presets = verbs.add_parser("presets", help="list the configurations that ship, by the name that --config takes")
    presets.add_argument("--json", action="store_true", help="print one JSON object instead")
    presets.set_defaults(run=run_presets)

    reference = verbs.add_parser("reference", help="print the page of all settings, docs/configuration.md")
    reference.set_defaults(run=run_reference)

    recipes = verbs.add_parser("recipes", help="print where the paper and its released code differ, docs/recipes.md")
    recipes.set_defaults(run=run_recipes)


def run_show(arguments: argparse.Namespace) -> int:
    """Print a configuration, or where it differs from the defaults or from its recipe.

    Raises:
        UserError: a file or a setting isn't as it should be.
    """
    import json

    from codeit_jax.config.loading import changed_settings, load_config, to_yaml
    from codeit_jax.config.recipes import departures
    from codeit_jax.config.schema import Config
    from codeit_jax.config.yaml_values import parse_yaml

    overrides = [*arguments.overrides, *([] if arguments.seed is None else [f"seed={arguments.seed}"])]
    config = load_config(arguments.config, overrides)
    if arguments.diff:
        changes = changed_settings(Config(), config)
        lines = [f"{key}: {value!r} (default {default!r})" for key, (default, value) in changes.items()]
        result = {key: value for key, (_, value) in changes.items()}
    elif arguments.diff_recipe:
        differences = departures(config)
        lines = [f"{key}: {ours!r} (recipe {config.recipe} {its!r})" for key, (its, ours) in differences.items()]
        result = {"recipe": config.recipe, "differences": differences}
    else:
        lines = to_yaml(config).splitlines()
        result = parse_yaml("\n".join(lines))
    for line in [json.dumps(result)] if arguments.json else lines:
        print(line)
    return 0


def run_presets(arguments: argparse.Namespace) -> int:
    """List the presets: name, what it is for, hardware and time."""
    import dataclasses
    import json

    from codeit_jax.config.presets import presets

    if arguments.json:
        print(json.dumps({"presets": [dataclasses.asdict(preset) for preset in presets()]}))
        return 0
    for preset in presets():
        print(f"{preset.name}\n    {preset.title}")
        if preset.hardware:
            print(f"    {preset.hardware}")
    return 0


def run_reference(arguments: argparse.Namespace) -> int:
    """Print the page of all settings."""
    from codeit_jax.config.reference import reference_page

    print(reference_page(), end="")
    return 0


def run_recipes(arguments: argparse.Namespace) -> int:
    """Print the page of differences between the paper and the released code."""
    from codeit_jax.config.reference import recipes_page

    print(recipes_page(), end="")
    return 0
