"""Exact tests of configuration files and overrides: each error is one line with value, origin and expectation."""

import dataclasses

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from codeit_jax.config.errors import UserError
from codeit_jax.config.loading import changeable_on_resume, changed_settings, from_yaml, load_config, to_yaml
from codeit_jax.config.schema import CHANGEABLE_ON_RESUME, Config

DEFAULT = Config()


@pytest.fixture
def write(tmp_path):
    """Return a function that writes a file, `c.yaml` unless named otherwise."""

    def write_file(content, name="c.yaml"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return write_file


def error_line(files=(), overrides=()):
    """Return the error that loading ends with, after checking that it is one short line."""
    with pytest.raises(UserError) as caught:
        load_config(files, overrides)
    line = str(caught.value)
    assert line.splitlines() == [line]
    assert len(line) < 1000
    return line


BAD_SETTINGS = [
    # Unknown keys, at the top, in a section, as a section, below a field.
    ("sed: 1", "unknown key 'sed' (c.yaml:1); did you mean 'seed'?"),
    ("# first\n\ntraining:\n  learning_rat: 1", "unknown key 'training.learning_rat' (c.yaml:4); did you mean 'traini"),
    ("trainin:\n  learning_rate: 1", "unknown key 'trainin.learning_rate' (c.yaml:2); did you mean 'training.lear"),
    ("learning_rate: 1", "unknown key 'learning_rate' (c.yaml:1); did you mean 'training.learning_rate'?"),
    ("zzz: 1", "unknown key 'zzz' (c.yaml:1); expected one of checkpoint, data"),
    ("seed: {low: 1}", "unknown key 'seed.low' (c.yaml:1); did you mean 'seed'?"),
    ("training:\n  learning_rate: {low: 1}", "training.learning_rate is {'low': 1} (c.yaml:2), expected a valid"),
    ("1: 2", "unknown key '1' (c.yaml:1)"),
    ("<<: {seed: 1}", "unknown key '<<.seed' (c.yaml:1)"),
    ("? [seed]\n: 1", "c.yaml:1: a key is a list or a mapping, expected a name"),
    # Wrong types.
    ("seed: ninety", "seed is 'ninety' (c.yaml:1), expected a valid integer"),
    ("seed: 1.5", "seed is 1.5 (c.yaml:1), expected a valid integer"),
    ("seed:", "seed is None (c.yaml:1), expected a valid integer"),
    ("seed: true", "seed is True (c.yaml:1), expected a number"),
    ("training: {learning_rate: true}", "training.learning_rate is True (c.yaml:1), expected a number"),
    ("hindsight: {num_demonstrations: false}", "hindsight.num_demonstrations is False (c.yaml:1), expected a number"),
    ("hindsight: {relabel: maybe}", "hindsight.relabel is 'maybe' (c.yaml:1), expected a valid boolean"),
    ("data: {search_tasks: 3}", "data.search_tasks is 3 (c.yaml:1), expected a valid string"),
    ("model: {weights: [a]}", "model.weights is ['a'] (c.yaml:1), expected a valid string"),
    ("training: 3", "training is 3 (c.yaml:1), expected its fields one by one, such as training.learning_rate"),
    ("training: [1]", "training is [1] (c.yaml:1), expected its fields"),
    ("seed: 2024-01-01", "seed is '2024-01-01' (c.yaml:1), expected a valid integer"),
    # Out of range, not finite, not among the choices.
    ("seed: -1", "seed is -1 (c.yaml:1), expected greater than or equal to 0"),
    ("seed: 4294967296", "seed is 4294967296 (c.yaml:1), expected less than 4294967296"),
    ("sampling: {samples_per_task: 0}", "sampling.samples_per_task is 0 (c.yaml:1), expected greater than 0"),
    ("model: {dropout: 1.5}", "model.dropout is 1.5 (c.yaml:1), expected less than or equal to 1"),
    ("model: {dropout: .nan}", "model.dropout is nan (c.yaml:1), expected less than or equal to 1"),
    ("hardware: {data: -2}", "hardware.data is -2 (c.yaml:1), expected greater than or equal to -1"),
    ("training: {learning_rate: .nan}", "training.learning_rate is nan (c.yaml:1), expected a finite number"),
    ("training: {weight_decay: .inf}", "training.weight_decay is inf (c.yaml:1), expected a finite number"),
    ("sampling: {temperature: -.inf}", "sampling.temperature is -inf (c.yaml:1), expected a finite number"),
    ("model: {dtype: float16}", "model.dtype is 'float16' (c.yaml:1), expected 'float32' or 'bfloat16'"),
    ("mutation:\n  method: d2", "mutation.method is 'd2' (c.yaml:2), expected 'd1', 'dinf' or 'random'"),
    # Lists.
    ("text: {prompt_buckets: [256, 128]}", "text.prompt_buckets is [256, 128] (c.yaml:1), expected at least one"),
    ("text: {prompt_buckets: [128, 128]}", "text.prompt_buckets is [128, 128] (c.yaml:1), expected at least one"),
    ("text: {prompt_buckets: []}", "text.prompt_buckets is [] (c.yaml:1), expected at least one length"),
    ("text: {prompt_buckets: 128}", "text.prompt_buckets is 128 (c.yaml:1), expected a valid tuple"),
    ("text: {prompt_buckets: [64, x]}", "text.prompt_buckets is 'x' (c.yaml:1), expected a valid integer"),
    ("text: {program_buckets: [0, 64]}", "text.program_buckets is 0 (c.yaml:1), expected greater than 0"),
    # Keys given twice.
    ("seed: 1\nseed: 2", "c.yaml:2: the key 'seed' is given twice, expected once"),
    ("training:\n  epochs: 1\n  epochs: 1", "c.yaml:3: the key 'training.epochs' is given twice, expected once"),
    ("text: {}\nseed: 1\ntext: {}", "c.yaml:3: the key 'text' is given twice, expected once"),
    ("training: {epochs: 1}\ntraining.epochs: 2", "c.yaml:2: the key 'training.epochs' is given twice, expected once"),
    # What is no YAML, no mapping, or no plain value.
    ("seed: [1", "c.yaml:1: not valid YAML (expected ',' or ']'"),
    ("seed: 1\ntraining: {epochs: 2\n", "c.yaml:3: not valid YAML (expected ',' or '}'"),
    ("seed: 1\nmodel: a: b", "c.yaml:2: not valid YAML (mapping values are not allowed here)"),
    ("seed: 1\n\tepochs: 2", "c.yaml:2: not valid YAML (found character '\\t'"),
    ("seed: *other", "c.yaml:1: not valid YAML (found undefined alias"),
    ("seed: 1\n---\nseed: 2", "c.yaml:2: not valid YAML (but found another document)"),
    ("\0seed: 1", "c.yaml: found a NUL at offset 0, expected a text file"),
    ("\x07seed: 1", "c.yaml: not valid YAML (unacceptable character"),
    ("seed: " + "[" * 5000, "c.yaml: not valid YAML (nested too deep)"),
    ("- 1", "c.yaml:1: the file is no mapping, expected `key: value` lines"),
    ("\n\nhello", "c.yaml:3: the file is no mapping"),
    ("seed: !!python/object:os.system x", "c.yaml:1: the value of 'seed' can't be read (could not determine"),
    ("seed: !!timestamp 2024-13-01", "c.yaml:1: the value of 'seed' can't be read (could not determine"),
    ("training: &loop {epochs: *loop}", "c.yaml: not valid YAML (more than 10000 values, counting repeated ones)"),
    (b'data: {seeds: "caf\xe9"}', "c.yaml: found bytes that are not UTF-8 at offset 18, expected a text file"),
    (b"\xff\xfes\0", "c.yaml:1: the file is no mapping"),
    # Base files.
    ("base: none.yaml", "c.yaml: base file 'none.yaml' not found; expected a path relative to FOLDER"),
    ("base: .", "c.yaml: base file '.' not found"),
    ("base: c.yaml", "c.yaml: base files form a cycle (c.yaml -> c.yaml), expected none"),
    ("base: 3", "base is 3 (c.yaml:1), expected a file name or a list of them"),
    ("base:", "base is None (c.yaml:1), expected a file name or a list of them"),
    ("training: {base: c.yaml}", "unknown key 'training.base' (c.yaml:1)"),
    # The recipe.
    ("recipe: papers", "recipe is 'papers' (c.yaml:1), expected 'paper' or 'released'"),
    ("recipe: [paper]", "recipe is ['paper'] (c.yaml:1), expected 'paper' or 'released'"),
]


@pytest.mark.parametrize(("content", "message"), BAD_SETTINGS, ids=[message[:60] for _, message in BAD_SETTINGS])
def test_a_bad_file_is_reported_in_one_line(write, content, message):
    path = write(content)
    line = error_line([path]).replace(f"{path.parent}/", "").replace(str(path.parent), "FOLDER")
    assert line.startswith(message)


BAD_OVERRIDES = [
    ("", "override '' (command line), expected section.field=value"),
    ("seed", "override 'seed' (command line), expected section.field=value"),
    ("=3", "override '=3' (command line), expected section.field=value"),
    ("seed=", "seed is None (command line), expected a valid integer"),
    ("seed=[", "override 'seed=[' (command line): not valid YAML"),
    ("seed=2024-13-01", "seed is '2024-13-01' (command line), expected a valid integer"),
    ("seed =3", "unknown key 'seed ' (command line); did you mean 'seed'?"),
    ("temperature=0.8", "unknown key 'temperature' (command line); did you mean 'sampling.temperature'?"),
    ("sampling.temprature=0.8", "unknown key 'sampling.temprature' (command line); did you mean 'sampling.temp"),
    ("seed.low=1", "unknown key 'seed.low' (command line); did you mean 'seed'?"),
    ("training={epochs: 1}", "training is {'epochs': 1} (command line), expected its fields one by one, such as"),
    ("training.learning_rate=0", "training.learning_rate is 0 (command line), expected greater than 0"),
    ("training.learning_rate=nan", "training.learning_rate is 'nan' (command line), expected a finite number"),
    ("training.learning_rate=1e400", "training.learning_rate is inf (command line), expected a finite number"),
    ("text.prompt_buckets=64,128", "text.prompt_buckets is '64,128' (command line), expected a valid tuple"),
    ("base=c.yaml", "unknown key 'base' (command line)"),
    # Settings of the name in another section, and those that were once elsewhere.
    (
        "training.temperature=1",
        "unknown key 'training.temperature' (command line); did you mean 'sampling.temperature'?",
    ),
    ("parallel.fsdp=2", "unknown key 'parallel.fsdp' (command line); did you mean 'hardware.fsdp'?"),
    ("profile.start=2", "unknown key 'profile.start' (command line); did you mean 'hardware.profile_start'?"),
    ("distributed.process_id=1", "unknown key 'distributed.process_id' (command line); did you mean 'hardware.process"),
    ("runtime.overlap=false", "unknown key 'runtime.overlap' (command line); did you mean 'hardware.overlap'?"),
    ("replay.recipe=paper", "unknown key 'replay.recipe' (command line); did you mean 'recipe'?"),
    ("model.dtype=" + "x" * 9999, "model.dtype is 'xxxxxxxx"),
    ("data.seeds='a\nb", 'override "data.seeds=\'a\\nb" (command line): not valid YAML'),
]


@pytest.mark.parametrize(("override", "message"), BAD_OVERRIDES, ids=[message[:60] for _, message in BAD_OVERRIDES])
def test_a_bad_override_is_reported_in_one_line(override, message):
    assert error_line([], [override]).startswith(message)


def test_the_range_error_names_the_file_that_gave_the_value(write):
    base = write("seed: 1\nmodel: {dtype: half}", "base.yaml")
    top = write("base: base.yaml\nseed: 2")
    assert error_line([top]).startswith(f"model.dtype is 'half' ({base}:2), expected")


@pytest.mark.parametrize("content", ["", "# nothing\n", "base: []", "training:", "training: {}", "text:\nmodel:\n"])
def test_a_file_without_settings_changes_nothing(write, content):
    assert load_config([write(content)]) == DEFAULT


@pytest.mark.parametrize("number", ["5e-4", "5.0e-4", "0.0005", "'5e-4'", "5E-4"])
def test_every_way_to_write_a_number_is_read(write, number):
    assert load_config([write(f"training: {{learning_rate: {number}}}")]).training.learning_rate == 5e-4
    assert load_config([], [f"training.learning_rate={number}"]).training.learning_rate == 5e-4


def test_a_value_can_hold_an_equals_sign_and_be_null():
    config = load_config([], ["data.search_tasks=folder/a=b", "hardware.compilation_cache=null"])
    assert config.data.search_tasks == "folder/a=b"
    assert config.hardware.compilation_cache is None


def test_bases_are_read_first_in_order_and_relative_to_the_file(write):
    write("seed: 1\ncheckpoint: {every: 1, keep: 1}\ntraining: {epochs: 1}", "deep/low.yaml")
    write("base: low.yaml\ncheckpoint: {every: 2}\ntraining: {epochs: 2}", "deep/middle.yaml")
    write("seed: 3\ntraining: {epochs: 3}", "other.yaml")
    config = load_config([write("base: [deep/middle.yaml, other.yaml]\ntraining: {epochs: 4}")])
    assert (config.seed, config.checkpoint.every, config.checkpoint.keep, config.training.epochs) == (3, 2, 1, 4)


def test_later_files_win_then_later_overrides(write):
    files = [write("seed: 1\ntraining: {epochs: 5, batch_size: 7}", "a.yaml"), write("seed: 2", "b.yaml")]
    config = load_config(files, ["training.epochs=6", "training.epochs=8"])
    assert (config.seed, config.training.epochs, config.training.batch_size) == (2, 8, 7)
    assert load_config(reversed(files)).seed == 1


def test_a_cycle_of_bases_names_its_files(write):
    write("base: c.yaml", "b.yaml")
    write("base: b.yaml", "a.yaml")
    assert "base files form a cycle (c.yaml -> a.yaml -> b.yaml -> c.yaml)" in error_line([write("base: a.yaml")])


def test_two_files_may_share_a_base_but_not_without_end(write):
    write("seed: 5", "low.yaml")
    write("base: low.yaml", "a.yaml")
    write("base: low.yaml", "b.yaml")
    assert load_config([write("base: [a.yaml, b.yaml]")]).seed == 5
    for number in range(20):  # a file is read a million times in the end
        write(f"base: [{number + 1}.yaml, {number + 1}.yaml]", f"{number}.yaml")
    write("seed: 5", "20.yaml")
    assert "more than 64 base files" in error_line([write("base: 0.yaml")])


def leaves(node, prefix=""):
    for field in dataclasses.fields(node):
        value = getattr(node, field.name)
        if dataclasses.is_dataclass(value):
            yield from leaves(value, f"{prefix}{field.name}.")
        else:
            yield f"{prefix}{field.name}", value


TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
POSITIVE = st.floats(1e-12, 1e12) | st.integers(1, 10**9)
COUNTS = st.integers(1, 1 << 40)
VALUES = {
    "seed": st.integers(0, (1 << 32) - 1),
    "data.search_tasks": TEXTS,
    "data.num_search_tasks": st.none() | COUNTS,
    "data.fresh_inputs": st.just(0) | POSITIVE,
    "data.augment": st.just(0) | POSITIVE,
    "text.prompt_buckets": st.sets(COUNTS, min_size=1, max_size=6).map(sorted),
    "text.tokenizer_path": st.none() | TEXTS,
    "model.dtype": st.sampled_from(["float32", "bfloat16"]),
    "training.learning_rate": POSITIVE,
    "training.beta2": st.floats(0, 1),
    "hindsight.relabel": st.booleans(),
    "recipe": st.sampled_from(["paper", "released"]),
    "sampling.grammar": st.sampled_from(["off", "released", "typed"]),
    "hardware.data": st.integers(-1, 8),
}


@settings(deadline=None, max_examples=60)
@given(chosen=st.fixed_dictionaries({}, optional=VALUES))
def test_a_written_configuration_reads_back_equal(tmp_path_factory, chosen):
    nested = {}
    for key, value in chosen.items():
        section, _, field = key.rpartition(".")
        (nested.setdefault(section, {}) if section else nested)[field] = value
    sections = {field.name: type(getattr(DEFAULT, field.name)) for field in dataclasses.fields(Config)}
    config = Config(**{name: sections[name](**v) if isinstance(v, dict) else v for name, v in nested.items()})
    path = tmp_path_factory.mktemp("config") / "config.yaml"
    path.write_text(to_yaml(config), encoding="utf-8")
    assert load_config([path]) == from_yaml(to_yaml(config)) == config
    found = dict(leaves(config))
    assert {key: found[key] for key in chosen} == {k: tuple(v) if isinstance(v, list) else v for k, v in chosen.items()}


def test_a_written_configuration_has_a_setting_a_line():
    lines = to_yaml(DEFAULT).splitlines()
    sections = [name for name, part in vars(DEFAULT).items() if dataclasses.is_dataclass(part)]
    assert len(lines) == len(dict(leaves(DEFAULT))) + len(sections)
    assert [line.rstrip(":") for line in lines if line.endswith(":")] == sections
    assert "  program_buckets: [32, 48, 64, 96, 144, 512]" in lines


def test_changed_settings_are_all_that_differ():
    new = load_config([], ["seed=7", "text.prompt_buckets=[8]", "model.weights=w"])
    assert changed_settings(DEFAULT, DEFAULT) == {}
    assert changed_settings(DEFAULT, new) == {
        "seed": (0, 7),
        "text.prompt_buckets": (DEFAULT.text.prompt_buckets, (8,)),
        "model.weights": (None, "w"),
    }


def test_what_may_change_on_resume_is_a_known_setting_or_section():
    keys = [key for key, _ in leaves(DEFAULT)]
    for allowed in CHANGEABLE_ON_RESUME:
        assert any(key == allowed or key.startswith(f"{allowed}.") for key in keys)
    changeable = {key for key in keys if changeable_on_resume(key)}
    assert {"num_meta_iterations", "checkpoint.keep", "hardware.data", "interpreter.num_workers"} <= changeable
    assert not changeable & {"seed", "model.d_model", "interpreter.work_per_line", "training.epochs", "text.tokenizer"}


def test_a_configuration_is_frozen():
    with pytest.raises(dataclasses.FrozenInstanceError):
        DEFAULT.training.epochs = 2
