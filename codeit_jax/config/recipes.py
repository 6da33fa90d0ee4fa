"""The recipe: where the paper and its released code differ, and what `recipe: paper | released` therefore sets.

`DIFFERENCES` is the only list of them; docs/recipes.md and a table of docs/configuration.md are generated from it.
"""

from dataclasses import dataclass
from operator import attrgetter
from typing import Any

from codeit_jax.config.schema import Config, Recipe


@dataclass(frozen=True)
class Choice:
    """A setting that the recipe decides.

    Attributes:
        setting: its dotted name.
        paper: its value under `recipe: paper`, which is also the setting's default.
        released: its value under `recipe: released`.
    """

    setting: str
    paper: Any
    released: Any


@dataclass(frozen=True, kw_only=True)
class Difference:
    """One thing in which the paper and the released code differ, or that one of them leaves open.

    Attributes:
        number: its row in docs/recipes.md; never given to another.
        topic: what it is about.
        paper: what the paper says.
        released: what the released code is seen to do.
        choices: the settings that the recipe decides.
        settings: dotted names of further settings with which one can do it the other way; no recipe sets them.
        note: what is decided here and why, or why there is no setting.
        test: the test that holds it, as pytest names it.
    """

    number: int
    topic: str
    paper: str
    released: str
    choices: tuple[Choice, ...] = ()
    settings: tuple[str, ...] = ()
    note: str = ""
    test: str


DIFFERENCES = (
    Difference(
        number=1,
        topic="Order of the stages, and their number",
        paper="Trained on the true programs and their mutants first; then 100 times sampling, then learning.",
        released="99 times training, then sampling; the first training is on 10,000 seed programs and mutants only.",
        choices=(Choice("num_meta_iterations", 100, 99), Choice("replay.pretraining", "all", "draw")),
        note="Pretraining is the released code's first training, so the order is one and the same. The learning stage "
        "after the last sampling, which the released code lacks, changes no score.",
        test="tests/training/test_experience_replay.py::test_pretraining_can_be_a_draw",
    ),
    Difference(
        number=2,
        topic="Branches of a mutation",
        paper="Appendix A.2: phi_var .25, phi_arg .5, phi_func .25.",
        released="Half of the argument replacements insert a new line instead, which the paper doesn't have.",
        choices=(Choice("mutation.branch_probabilities", "paper", "released"),),
        test="tests/mutation/test_mutate.py::test_branches_are_as_frequent_as_stated",
    ),
    Difference(
        number=3,
        topic="The draw from the policy's programs",
        paper="Section 3.2: in proportion to priority.",
        released="Without replacement and with a tiny priority for all: what solved a demonstration comes exactly "
        "once, "
        "the rest is uniform.",
        choices=(Choice("replay.draw", "with_replacement", "without_replacement"),),
        test="tests/training/test_draw_rules.py::"
        "test_released_rule_draws_every_scored_program_once_and_the_rest_uniformly",
    ),
    Difference(
        number=4,
        topic="Priority of seed programs and mutants",
        paper="None: r_t = 10,000 are drawn from them; priority is named for the policy's programs only.",
        released="None, because an attribute is read that they don't have: 10,000 uniformly, each once at most.",
        settings=("replay.train_draw",),
        note="Uniform in both. Whether the paper draws one twice isn't said; here it doesn't, unless set so.",
        test="tests/training/test_draw_rules.py::test_no_rule_prefers_seeds_and_mutants_that_solve",
    ),
    Difference(
        number=5,
        topic="Time of a draw",
        paper="Not said.",
        released="The list of keys is rebuilt for each draw: minutes a meta-iteration.",
        note="No setting: a sum tree gives the same law in less than a second.",
        test="tests/replay/test_replay_calls.py::test_no_python_per_item",
    ),
    Difference(
        number=6,
        topic="End of the encoder's input",
        paper="An end token after the outputs.",
        released="None; the outputs have its place.",
        choices=(Choice("text.prompt_end", True, False),),
        test="tests/text/test_prompt_windows.py::test_without_an_end_the_outputs_have_its_place",
    ),
    Difference(
        number=7,
        topic="Decoding",
        paper="Section 3.2 names a temperature of .95 only.",
        released="The sampling library's default of the 50 most probable tokens is active, among all tokens; a program "
        "ends after the first token that no program contains.",
        choices=(
            Choice("sampling.top_k", 0, 50),
            Choice("sampling.grammar", "off", "released"),
            Choice("sampling.vocabulary", "program", "full"),
        ),
        note="The paper doesn't say among which tokens it draws; ours are those that a program can contain.",
        test="tests/sampling/test_released_rule.py::test_samples_end_right_after_their_first_bad_token",
    ),
    Difference(
        number=8,
        topic="Padding in the loss",
        paper="Section 3.2: likelihood of the program.",
        released="Labels are padded with 0, and the padding is trained on.",
        choices=(Choice("training.pad_loss", False, True),),
        test="tests/training/test_batches.py::test_collate_pads_shifts_and_masks",
    ),
    Difference(
        number=9,
        topic="Optimizer",
        paper="Learning rate 5e-5; one model, trained on.",
        released="AdamW with its library's defaults, constant rate, no clipping, 512 examples a step; it starts from "
        "scratch in each meta-iteration. Half precision with loss scaling.",
        choices=(Choice("training.reset_optimizer", False, True),),
        note="The rest is the default of both recipes. In place of half precision there is `model.dtype: bfloat16`, "
        "which needs no scaling.",
        test="tests/training/test_step.py::test_one_step_is_clipped_adamw",
    ),
    Difference(
        number=10,
        topic="Ties of the selection rule",
        paper="The shorter program.",
        released="Fewer characters of the text.",
        note="No setting: the paper names no unit, and its numbers were counted with characters. Equal lengths go by "
        "the "
        "text, so that the order of finding doesn't matter.",
        test="tests/evaluation/test_selection_rule.py::test_selection_by_demonstrations_then_characters_then_text",
    ),
    Difference(
        number=11,
        topic="Candidates",
        paper="Programs that solve at least some demonstrations.",
        released="The same; so a shorter wrong program can displace a right one, and the curve can fall.",
        note="No setting: both are alike. `oracle`, which can't fall, is reported beside it.",
        test="tests/evaluation/test_selection_rule.py::"
        "test_a_shorter_wrong_program_displaces_a_right_one_but_not_from_the_oracle",
    ),
    Difference(
        number=12,
        topic="What a program has to do to be learned",
        paper="Give valid grids for the inputs; whether for all of them isn't said.",
        released="Give one for a demonstration; the others are left out of the experience, and so are outputs of 1,000 "
        "cells or more.",
        settings=("hindsight.keep",),
        note="One valid demonstration suffices, unless set otherwise. Outputs of more than 30 rows or columns are "
        "left out "
        "in every dialect, so none has 1,000 cells; `no_grid_size` counts them. An experience's key is its task and "
        "program in both.",
        test="tests/hindsight/test_relabel.py::test_a_program_can_be_kept_only_if_every_demonstration_counts",
    ),
    Difference(
        number=13,
        topic="The buffer at its capacity",
        paper="Not said.",
        released="Counts wrongly, and fails when it is full.",
        note="No setting: a full partition drops what has the lowest priority.",
        test="tests/replay/test_replay_defects.py::test_eviction_works_and_counts_ties",
    ),
    Difference(
        number=14,
        topic="Time of a program",
        paper="0.25 s a line.",
        released="The same, by a thread that can't be stopped, so that an endless line hangs the run.",
        settings=("interpreter.work_per_line", "interpreter.work_per_program", "interpreter.wall_seconds"),
        note="Units of work in place of seconds, so that no verdict depends on the machine; the defaults are 40 to "
        "80 ms a "
        "line, within which every seed program of ours passes. A bound of the whole program has no counterpart.",
        test="tests/programs/test_builtin_programs.py::test_every_program_passes_within_a_runs_limits",
    ),
    Difference(
        number=15,
        topic="The language",
        paper="arc-dsl.",
        released="An older copy of it, read by laxer rules; values of 1,000 elements or more are dropped, and the "
        "line that "
        "uses one fails.",
        choices=(Choice("interpreter.mode", "native", "codeit"),),
        test="tests/run/test_recipe_runs.py::test_a_recipe_runs_the_whole_loop",
    ),
    Difference(
        number=16,
        topic="What the cumulative score counts",
        paper="The policy's programs and the mutants.",
        released="The policy's programs; a notebook adds the solutions of 19,200 mutants afterwards.",
        note="No setting: the rows `seeds`, `policy`, `mutants` and `cumulative` are separate in every report.",
        test="tests/evaluation/test_rows.py::test_counts_and_lists_agree_and_rows_are_what_they_say",
    ),
    Difference(
        number=17,
        topic="Ablation A1: no policy experiences",
        paper="100,000 mutated examples are learned from.",
        released="Each meta-iteration runs 9,600 new mutants on the search tasks and remembers them with priority, "
        "where "
        "the policy's programs would be.",
        settings=("replay.policy_experiences", "replay.train_draw", "replay.num_train_experiences"),
        note="Presets `a1_no_policy_experiences` (paper) and `a1_mutants_on_search_tasks` (released). Whether the "
        "paper's "
        "100,000 are distinct isn't known; here they are draws from the train partition, so that its mutants are those "
        "of the main run.",
        test="tests/config/test_ablations.py::test_a_draw_of_the_papers_a1_has_100_000_rows",
    ),
    Difference(
        number=18,
        topic="Configurations of the model sizes",
        paper="60M, 220M and 770M.",
        released="The 60M configuration lacks keys and fails.",
        note="No setting: every preset is loaded by a test.",
        test="tests/config/test_presets.py::test_a_preset_loads_and_begins_with_its_command",
    ),
    Difference(
        number=19,
        topic="ConceptARC",
        paper="60 programs a test, temperatures 0 and 1, pass@3.",
        released="Needs a configuration key that doesn't exist; nothing makes the table.",
        settings=("data.search_tasks", "sampling.samples_per_task", "sampling.temperature"),
        note="`evaluate` on `conceptarc:DIR` counts by concept and by test.",
        test="tests/run/test_policy_verbs.py::test_evaluate_counts_concepts_and_tests",
    ),
    Difference(
        number=20,
        topic="Ablation A5: one demonstration",
        paper="One demonstration in the prompt.",
        released="The smallest one in the prompt; it alone decides whether a program is kept and is learned from, "
        "while "
        "priority counts all.",
        settings=("text.num_demonstrations", "hindsight.num_demonstrations"),
        note="Presets `a5_one_demonstration` (paper) and `a5_one_demonstration_learned` (released). Which one the "
        "paper "
        "shows isn't said; here it is the smallest.",
        test="tests/hindsight/test_relabel.py::test_only_the_smallest_demonstrations_are_learned_when_told_so",
    ),
    Difference(
        number=21,
        topic="Tests of the evaluation tasks",
        paper="412.",
        released="The data of today has 419.",
        settings=("data.search_tasks",),
        note="Two releases of ARC. Reports name the release and a digest of it.",
        test="tests/arc/test_sources.py::test_the_release_of_2019_differs_in_some_tasks",
    ),
    Difference(
        number=22,
        topic="Number of mutants",
        paper="The first 19,200 valid ones.",
        released="19,200 attempts, which leave about 12,600 distinct programs, seeds included.",
        choices=(Choice("mutation.count", "accepted", "attempts"),),
        test="tests/mutation/test_generate.py::test_attempts_are_bounded",
    ),
    Difference(
        number=23,
        topic="Resuming a run",
        paper="Not said.",
        released="Weights only: buffer, optimizer, random numbers and counters are lost.",
        note="No setting: a resumed run ends with the bits of one that wasn't interrupted.",
        test="tests/run/test_resume.py::test_a_run_killed_again_and_again_ends_like_one_that_was_not",
    ),
    Difference(
        number=24,
        topic="Published curves",
        paper="59 of 400 tasks, the mean of three seeds.",
        released="One run, which reaches 64.",
        note="No setting: a fact about the numbers to compare with.",
        test="tests/config/test_ablations.py::test_a_preset_states_the_papers_numbers",
    ),
    Difference(
        number=25,
        topic="Names of files",
        paper="Not said.",
        released="They differ from those that its manual names.",
        note="No setting: our manual's commands are run by the gate.",
        test="tests/config/test_presets.py::test_a_preset_loads_and_begins_with_its_command",
    ),
    Difference(
        number=26,
        topic="Order of the demonstrations in a prompt",
        paper="By size of the grids, the smallest first.",
        released="By rows of input and output together, then by columns of the input.",
        choices=(Choice("text.demonstration_order", "cells", "sides"),),
        note="The paper doesn't say what size is; here it is cells, input and output together.",
        test="tests/text/test_sparse_prompt.py::test_demonstrations_go_by_sides_when_told_so",
    ),
    Difference(
        number=27,
        topic="Ablation A2: a program that solves some demonstrations",
        paper="Not said.",
        released="Isn't learned from: only programs that solve all are.",
        settings=("hindsight.relabel", "hindsight.keep"),
        note="The preset follows the released code: the task's own pairs are a program's only if it solves them all.",
        test="tests/hindsight/test_relabel.py::test_a_program_can_be_kept_only_if_every_demonstration_counts",
    ),
    Difference(
        number=28,
        topic="Examples of an optimizer step",
        paper="Not said.",
        released="512 drawn at random, in 64 parts of 8 that are sorted by length of the label.",
        choices=(Choice("training.steps", "by_length", "random"),),
        note="All parts of a step have one shape, so a random step pads each example to its longest. On the lengths "
        "of a "
        "first draw with CodeT5's tokenizer, 44 % of the arithmetic is on real tokens, by length "
        "88 %.",
        test="tests/training/test_batches.py::test_a_random_plan_is_a_random_order_in_the_longest_shape",
    ),
    Difference(
        number=29,
        topic="Programs longer than the decoder's window",
        paper="Truncated to 512 tokens.",
        released="The same, and learned without an end.",
        settings=("text.long_programs",),
        note="Both are alike. The presets for two cores, whose windows are short, leave such programs out.",
        test="tests/training/test_experience_replay.py::test_a_program_that_does_not_fit_is_truncated",
    ),
    Difference(
        number=30,
        topic="An attempt at a mutant that fails",
        paper="Not said.",
        released="Is repeated with the same program until a time is over.",
        choices=(Choice("mutation.retries", 0, 10),),
        note="A number of tries in place of a time; how many the released code comes to isn't known.",
        test="tests/mutation/test_generate.py::test_retries_keep_the_parent_and_waste_fewer_attempts",
    ),
    Difference(
        number=31,
        topic="Parents of d-infinity mutants",
        paper="Mutants go back into the population.",
        released="The same; a parent is drawn uniformly from all of it.",
        note="No setting: so it is here.",
        test="tests/mutation/test_generate.py::test_parents_come_from_the_whole_population_alike",
    ),
    Difference(
        number=32,
        topic="Names of variables",
        paper="Not said.",
        released="Two texts that differ in them are two programs.",
        note="No setting: they are one program, one experience and one candidate.",
        test="tests/sampling/test_sampler.py::test_names_of_variables_tell_no_programs_apart",
    ),
    Difference(
        number=33,
        topic="Ablation A3: no priority",
        paper="Uniform sampling.",
        released="The same.",
        settings=("replay.priority",),
        note="Each experience once at most.",
        test="tests/training/test_draw_rules.py::test_uniform_rule_ignores_performance",
    ),
    Difference(
        number=34,
        topic="Programs of the published mutation curves",
        paper="Counted by programs.",
        released="Counted by attempts.",
        note="No setting: `mutate` reports its curve over both.",
        test="tests/baselines/test_mutation_baseline.py::test_the_curve_is_over_programs_and_over_attempts",
    ),
)
"""Rows 1 to 25 were known when the work began, the others were found since."""

CHOICES = tuple(choice for difference in DIFFERENCES for choice in difference.choices)


def recipe_settings(recipe: Recipe) -> dict[str, Any]:
    """Return dotted name -> value of every setting that the recipe decides."""
    return {choice.setting: getattr(choice, recipe) for choice in CHOICES}


def departures(config: Config) -> dict[str, tuple[Any, Any]]:
    """Return dotted name -> (the recipe's value, the configuration's) of every setting that leaves its recipe."""
    wanted = recipe_settings(config.recipe)
    found = {name: attrgetter(name)(config) for name in wanted}
    return {name: (wanted[name], found[name]) for name in wanted if wanted[name] != found[name]}
