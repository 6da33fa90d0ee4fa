"""The model card of an exported policy: what it is, what it solves, how to use it."""

import json
from pathlib import Path
from typing import Any

from codeit_jax import __version__
from codeit_jax.config.loading import changed_settings
from codeit_jax.config.schema import Config
from codeit_jax.evaluation import COLUMNS
from codeit_jax.inference.trained_policy import Policy
from codeit_jax.model.families import FAMILIES
from codeit_jax.reporting.credits import ROW_NAMES

_HEAD = """\
---
license: apache-2.0
library_name: {library}
pipeline_tag: {pipeline}
tags: [arc-agi, program-synthesis, {family}, codeit]
---

# A policy that writes programs for ARC tasks

{size:,} parameters, {network}, trained by codeit_jax {version} (CodeIt: Butt et al., ICML
2024, arXiv 2402.04858) on `{tasks}` from {start}. It reads a task's demonstrations and writes a program
in the language of arc-dsl; the program is run on the task's inputs by the package's interpreter.

Checkpoint {checkpoint}, after {iterations} of {wanted} meta-iterations; seed {seed}; recipe `{recipe}`.
"""

_USE = """\
## Use

```python
{imports}import torch
{peft}from transformers import {loader}

import interpreter
from codeit_jax.arc import load_tasks
from codeit_jax.text import build_tokenizer

tokenizer = build_tokenizer({arguments})
task = load_tasks("arc1/evaluation")["00576224"]
prompt = tokenizer.encode_prompt(task.demonstrations, max_tokens={window}).token_ids.tolist()
model = {load}
{generate}
print(interpreter.run(interpreter.parse(text), task.tests[0].input))
```

A draw may be no program: `interpreter.parse` raises ProgramError then. Draw many, and keep what reproduces the
demonstrations.
"""

_LIMITS = """\
## Limits

- Demonstrations beyond {window} tokens are left out of a prompt; programs end after {program_window} tokens.
- It knows nothing but this language and ARC's grids. What it writes is a guess: run it, and compare the outputs with
  the demonstrations.
- Test outputs of the tasks were read to score, for the table above, and for nothing else. The tasks are public, so that
  a policy that started from published weights may have seen them there.
"""


# A decoder alone reads the start token behind the prompt, and gives both back in front of the program.
_GENERATE = {
    True: """\
[ids] = model.generate(torch.tensor([prompt]))
text = tokenizer.decode_program(ids[1:].tolist())  # without the token that the decoder starts from""",
    False: """\
[ids] = model.generate(torch.tensor([[*prompt, tokenizer.start_id]]))
text = tokenizer.decode_program(ids[len(prompt) + 1 :].tolist())""",
}


def model_card(policy: Policy, summary: dict[str, Any], *, merge: bool = False) -> str:
    """Return the card as Markdown.

    Args:
        policy: what is exported.
        summary: the run's summary.json; empty if the run isn't finished.
        merge: say that its adapters, if it has any, were added to their matrices.
    """
    config = policy.config
    window = config.text.max_prompt_tokens
    start = "random weights" if config.model.weights is None else f"the weights {Path(config.model.weights).name}"
    family = config.model.family
    encodes = family == "t5"
    adapters = bool(config.model.lora_rank) and not merge
    parts = [
        _HEAD.format(
            library="peft" if adapters else "transformers",
            pipeline="text2text-generation" if encodes else "text-generation",
            family=family,
            network="an encoder-decoder of the T5 family" if encodes else f"a decoder of the {family.title()} family",
            size=policy.model.num_parameters(),
            version=__version__,
            tasks=config.data.search_tasks,
            start=start,
            checkpoint=policy.checkpoint,
            iterations=max(policy.iteration, 0),
            wanted=config.num_meta_iterations,
            seed=config.seed,
            recipe=config.recipe,
        ),
        _results(summary),
        _use(config, adapters),
        _LIMITS.format(window=window, program_window=config.text.max_program_tokens),
        _settings(config),
    ]
    return "\n".join(parts)


def _use(config: Config, adapters: bool) -> str:
    """Return how to draw a program from the export, which has all weights, or the adapters alone."""
    native = config.text.tokenizer == "native"
    imports, path = ("", "") if native else ("from pathlib import Path\n\n", ', Path(".")')
    loader = FAMILIES[config.model.family].loader
    load = f'{loader}.from_pretrained(".")'
    if adapters:
        load = f'PeftModel.from_pretrained({loader}.from_pretrained("WEIGHTS"), ".")  # WEIGHTS: see model.weights'
    return _USE.format(
        imports=imports,
        arguments=f'"{config.text.tokenizer}"{path}',
        window=config.text.max_prompt_tokens,
        peft="from peft import PeftModel\n" if adapters else "",
        loader=loader,
        load=load,
        generate=_GENERATE[config.model.family == "t5"],
    )


def _results(summary: dict[str, Any]) -> str:
    if "solved" not in summary:
        return "## Results\n\nThe run isn't finished; `codeit-jax report` shows how far it came.\n"
    rows = [
        f"| {row}: {name} | " + " | ".join(str(summary["solved"][row][column]) for column in COLUMNS) + " |"
        for row, name in ROW_NAMES.items()
        if row in summary["solved"]
    ]
    head = f"| tasks solved of {summary['tasks']} | " + " | ".join(COLUMNS) + " |\n|" + "---|" * (len(COLUMNS) + 1)
    words = f"At the end of the run, on {summary['snapshot']}. One run: other seeds solve more or fewer."
    return "\n".join(["## Results\n", words + "\n", head, *rows, ""])


def _settings(config: Config) -> str:
    lines = [f"{key}: {json.dumps(new)}" for key, (_, new) in changed_settings(Config(), config).items()]
    return "\n".join(["## Settings that aren't the defaults\n", "```yaml", *lines, "```", ""])
