"""Configurations from public reports about other projects: what each means here, exact. Inputs are our own."""

import pytest

from codeit_jax.config.errors import UserError
from codeit_jax.config.loading import from_yaml, load_config, to_yaml

READ = [
    # Numbers in scientific notation that YAML 1.1 takes for text.
    ("https://github.com/calliope-project/calliope/issues/57", "training: {learning_rate: 1e-3}", 0.001),
    ("https://github.com/beetbox/confuse/issues/155", "training: {learning_rate: 5e-4}", 0.0005),
    ("https://github.com/Reed-CompBio/spras/issues/484", "training:\n  learning_rate: 1e-5", 1e-5),
    (
        "https://github.com/datamodel-code-generator/datamodel-code-generator/pull/2913",
        "training: {learning_rate: 1E+2}",
        100.0,
    ),
    ("https://github.com/HopkinsIDD/flepiMoP/issues/380", "training: {learning_rate: 3.645e-05}", 3.645e-05),
    # Integers that begin with a zero: decimal, but for `0o`.
    ("https://github.com/yaml/pyyaml/issues/107", "seed: 02142", 2142),
    ("https://github.com/opensanctions/opensanctions/issues/3845", "seed: 0555567", 555567),
    ("https://github.com/kislyuk/yq/issues/201", "seed: 08", 8),
    ("https://github.com/ManiacalLabs/BiblioPixel/issues/753", "seed: 020", 20),
    ("https://github.com/yaml/pyyaml/issues/608", "seed: 0o12", 10),
    # A byte order mark, UTF-16, and the line ends of other systems.
    ("https://github.com/volcengine/OpenViking/pull/500", b"\xef\xbb\xbfseed: 3\r\n", 3),
    ("https://github.com/zhayujie/CowAgent/issues/2257", "seed: 3\n".encode("utf-16"), 3),
    ("https://github.com/argdown/argdown/issues/33", b"# Windows\r\n\r\nseed: 3\r\n", 3),
]
REFUSED = [
    ("https://github.com/wireviz/WireViz/issues/213", "data: {seeds: 0510210600}", "expected a valid string"),
    ("https://github.com/adrienverge/yamllint/issues/495", "training: {learning_rate: 1e2a}", "'1e2a'"),
    ("https://github.com/yaml/pyyaml/issues/365", "seed: 00000a1", "'00000a1'"),
]
LAUGHS = [
    ("https://github.com/kubernetes/kubernetes/issues/83253", 9, 9),
    ("https://github.com/nodeca/js-yaml/issues/742", 8, 9),
    ("https://github.com/nodeca/js-yaml/issues/738", 21, 2),
    ("https://github.com/nodeca/js-yaml/issues/652", 10, 9),
    ("https://github.com/kislyuk/yq/issues/134", 30, 3),
    ("https://github.com/redhat-developer/yaml-language-server/issues/463", 9, 9),
]


def load(tmp_path, content):
    path = tmp_path / "c.yaml"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return load_config([path])


@pytest.mark.parametrize(("address", "content", "value"), READ, ids=[row[0] for row in READ])
def test_a_reported_value_is_read_as_it_looks(tmp_path, address, content, value):
    config = load(tmp_path, content)
    assert value == (config.seed if isinstance(value, int) else config.training.learning_rate)


@pytest.mark.parametrize(("address", "content", "message"), REFUSED, ids=[row[0] for row in REFUSED])
def test_a_reported_value_is_refused(tmp_path, address, content, message):
    with pytest.raises(UserError, match=message):
        load(tmp_path, content)


@pytest.mark.parametrize(("address", "levels", "width"), LAUGHS, ids=[row[0] for row in LAUGHS])
def test_aliases_that_multiply_are_refused_before_anybody_counts_them(tmp_path, address, levels, width):
    lines = ["a0: &a0 [x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * width)}]" for n in range(1, levels + 1)]
    with pytest.raises(UserError, match="more than 10000 values"):
        load(tmp_path, "\n".join(lines))
    with pytest.raises(UserError, match="more than 10000 values"):
        load(tmp_path, f"data:\n  {{ {', '.join(lines)}, seeds: *a{levels} }}")


@pytest.mark.parametrize("text", ["1e3", "0o17", "010", "1:30", "off", "no", "~", "null", "2024-01-01", "1_0", ".5"])
def test_a_text_that_looks_like_something_else_survives_the_file(text):
    """As in https://github.com/wireviz/WireViz/issues/213, for the configuration that a run directory keeps."""
    config = load_config([], [f"data.seeds={text!r}"])
    assert config.data.seeds == text
    assert from_yaml(to_yaml(config)) == config
