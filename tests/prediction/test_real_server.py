"""Contract test against a server that others wrote: `transformers serve` with a tiny random model (extra `server`)."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request

import pytest

from codeit_jax.cli import main

pytestmark = [pytest.mark.server, pytest.mark.timeout(900)]

TEMPLATE = "{% for m in messages %}<{{ m['role'] }}>{{ m['content'] }}</s>{% endfor %}<assistant>"
SERVE = "from transformers.cli.transformers import main; main()"


def make_model(folder):
    """Save a random Llama with a tokenizer of bytes: what it writes is noise, which no answer may trip over."""
    import tokenizers
    import torch
    import transformers

    alphabet = sorted(tokenizers.pre_tokenizers.ByteLevel.alphabet())
    vocabulary = {token: number for number, token in enumerate(["<s>", "</s>", *alphabet])}
    bpe = tokenizers.Tokenizer(tokenizers.models.BPE(vocab=vocabulary, merges=[]))
    bpe.pre_tokenizer = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False)
    bpe.decoder = tokenizers.decoders.ByteLevel()
    tokenizer = transformers.PreTrainedTokenizerFast(tokenizer_object=bpe, bos_token="<s>", eos_token="</s>")
    tokenizer.chat_template = TEMPLATE
    tokenizer.save_pretrained(folder)
    config = transformers.LlamaConfig(
        vocab_size=len(vocabulary),
        hidden_size=16,
        intermediate_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        max_position_embeddings=32_768,
        bos_token_id=0,
        eos_token_id=1,
    )
    torch.manual_seed(0)
    model = transformers.LlamaForCausalLM(config)
    # The server decodes greedily unless the model says otherwise, whatever temperature is asked for.
    model.generation_config.do_sample = True
    model.save_pretrained(folder)


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    """Serve the model; yields the endpoint's address and the model's name there."""
    pytest.importorskip("fastapi")
    pytest.importorskip("uvicorn")
    folder = tmp_path_factory.mktemp("model")
    make_model(folder)
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port = found.getsockname()[1]
    command = [sys.executable, "-c", SERVE, "serve", "--device", "cpu", "--host", "127.0.0.1", "--port", str(port)]
    process = subprocess.Popen(command, env=os.environ | {"HF_HUB_OFFLINE": "1"})
    try:
        wait_for(f"http://127.0.0.1:{port}/health", process)
        yield f"http://127.0.0.1:{port}/v1", str(folder)
    finally:
        process.kill()
        process.wait()


def wait_for(url, process):
    for _ in range(600):
        assert process.poll() is None, "the server ended"
        try:
            urllib.request.urlopen(url, timeout=5).close()
        except OSError:
            time.sleep(1)
        else:
            return
    raise AssertionError("the server doesn't answer")


def arguments(served, run, *rest):
    url, model = served
    tasks = "ids:" + str(run.parent / "ids") + "@arc1/training"
    (run.parent / "ids").write_text("3c9b0459\n67a3c6ac\n74dd1130\n")
    rest = ["--run-dir", str(run), "--key-env", "", "--max-tokens", "40", "--concurrency", "2", *rest]
    return ["predict", "--endpoint", url, "--model", model, "--tasks", tasks, *rest]


@pytest.mark.parametrize("api", ["chat", "completions"])
def test_grids_by_both_apis(served, tmp_path, capfd, api):
    command = arguments(served, tmp_path / "run", "--api", api, "--num", "2", "--temperature", "1", "--json")
    assert main(command) == 0
    result = json.loads(capfd.readouterr().out.splitlines()[-1])
    assert result["requests"] | {"truncated": 0} == {
        "sent": 6,
        "answered": 6,
        "refused": 0,
        "unanswered": 0,
        "truncated": 0,
    }
    rows = [json.loads(line) for line in (tmp_path / "run" / "answers.jsonl").read_text().splitlines()]
    # It samples noise; what is counted is what the server says, a byte a token.
    assert all(row["prompt_tokens"] > 50 and 1 <= row["completion_tokens"] <= 40 for row in rows)
    assert result["tokens"]["estimated_answers"] == 0
    assert len({row["text"] for row in rows}) == 6


def test_programs_with_a_repair_round(served, tmp_path, capfd):
    command = arguments(served, tmp_path / "run", "--write", "programs", "--repairs", "1", "--workers", "1", "--json")
    assert main(command) == 0
    result = json.loads(capfd.readouterr().out.splitlines()[-1])
    assert (result["programs"], result["requests"]["answered"]) == (6, 6)
    rows = [json.loads(line) for line in (tmp_path / "run" / "answers.jsonl").read_text().splitlines()]
    assert sorted(row["round"] for row in rows) == [0, 0, 0, 1, 1, 1]


def test_killed_in_the_middle_it_goes_on(served, tmp_path, capfd):
    command = arguments(served, tmp_path / "run", "--concurrency", "1", "--json")
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path), "CODEIT_JAX_FAULT": "answers.jsonl:3:kill"}
    killed = subprocess.run([sys.executable, "-m", "codeit_jax", *command], env=environment, capture_output=True)
    assert killed.returncode == -signal.SIGKILL
    before = (tmp_path / "run" / "answers.jsonl").read_text()
    assert before.count("\n") == 2
    assert main(command) == 0
    assert json.loads(capfd.readouterr().out.splitlines()[-1])["complete"]
    after = (tmp_path / "run" / "answers.jsonl").read_text()
    assert after.startswith(before)
    assert after.count("\n") == 3


def test_an_unknown_model_is_one_line(served, tmp_path, capfd):
    url, _ = served
    command = arguments((url, str(tmp_path / "nowhere")), tmp_path / "run", "--tries", "1")
    assert main(command) == 2
    assert f"error: {url}: answers " in capfd.readouterr().err
