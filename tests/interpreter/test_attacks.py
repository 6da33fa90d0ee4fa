"""Exact tests: over five hundred hostile texts, each refused with a reason; none reaches Python's own compiler."""

import builtins
from contextlib import contextmanager

from interpreter import Limits, ProgramError, Reason, parse, run_batch
from interpreter.language.outcome import Status

EXPRESSIONS = [
    "__import__('os').system('true')", "open('/etc/passwd')", "eval('1')", "exec('1')", "compile('1', '', 'eval')",
    "getattr(I, '__class__')", "I.__class__", "I.__class__.__mro__", "().__class__.__bases__", "hmirror.__globals__",
    "hmirror.__code__", "globals()", "locals()", "vars()", "dir()", "breakpoint()", "input()", "print(I)", "type(I)",
    "lambda: I", "lambda x: x", "(lambda: 0)()", "[x for x in I]", "{x for x in I}", "(x for x in I)", "{1: 2}",
    "[I]", "f'{I}'", "'text'", '"text"', "b'bytes'", "1", "-1", "1.5", "1j", "0x10", "1_000", "True", "False", "None",
    "...", "not I", "I and I", "I or I", "I if T else F", "I + I", "I * 10", "I ** 9", "-I", "~I", "I[0]", "I[0][0]",
    "I[:1]", "I < I", "I in I", "I is I", "(y := I)", "*I", "**I", "x=I", "grid=I", "await I", "yield I", "yield",
    "I, *I", "hmirror(vmirror(I))", "hmirror (I)", "hmirror( I)", "hmirror(I )", "hmirror(I,)", "hmirror(,I)",
    "hmirror(grid=I)", "hmirror(*I)", "hmirror(**I)", "hmirror(I)(I)", "hmirror(I).x", "hmirror(I)[0]", "hmirror(I);",
    "hmirror(I) # x", "hmirror(I);hmirror(I)", "hmirror(\\I)", "hmirror\\(I)", "hmirror(I)\\", "(hmirror)(I)",
    "hmirror((I))", "((I))", "os.system", "sys.exit()", "__builtins__", "__builtins__['open']", "__loader__",
    "__name__", "__file__", "_", "self", "interpreter.run", "PRIMITIVES", "CONSTANTS", "hmirror.__call__(I)",
    "hmirror.arity", "hmirror.parts", "METER", "x1.y",
]  # fmt: skip
UNICODE = [
    "\uff49dentity", "\uff29", "\u0399", "\u0406", "\uff2f", "\u1d62dentity", "hm\u0131rror", "hmirro\u0433",
    "\U0001d456", "x\u00b9", "x\u0661", "x\uff11", "\u2160", "\u00aa", "\u212f", "\ufb01ll", "\u017fhift", "e\u0301",
    "\u200bI", "I\u200d", "I\u00ad", "\u202eI", "\u2066I", "\ufeffI", "\u00a0I", "\u3000I", "\u2028", "\u2029",
    "\u0085", "\ud800", "\udfff", "\uff08I\uff09", "I\uff0c I", "\uff1d", "\U000e0049",
]  # fmt: skip
CONTROLS = [
    "\0", "\r", "\x0b", "\x0c", "\x1a", "\x1b[0m", "\x7f", "\t", "\x1c", "\x1d", "\x1e", "\x1f", "\b", "\a",
]  # fmt: skip
STATEMENTS = [
    "import os", "from os import system", "import os; O = hmirror(I)", "def O(I): return I", "class O: pass", "del I",
    "global I", "nonlocal I", "assert I", "raise I", "return I", "pass", "break", "with I: pass", "for x in I: pass",
    "while T: pass", "if T: pass", "try: pass", "async def O(): pass", "@hmirror", "O: int = hmirror(I)",
    "O += hmirror(I)", "O = x1 = hmirror(I)", "O, P = hmirror(I)", "(O) = hmirror(I)", "O[0] = hmirror(I)",
    "O.x = hmirror(I)", "*O = hmirror(I)", "O := hmirror(I)", "O == hmirror(I)", "O  = hmirror(I)", "O =  hmirror(I)",
    " O = hmirror(I)", "O\t= hmirror(I)", "O = hmirror(I)\n;", "#!/bin/sh\nO = hmirror(I)",
    "# -*- coding: utf-7 -*-\nO = hmirror(I)", '"""\nO = hmirror(I)\n"""', "match I:", "type O = hmirror(I)",
    "print hmirror(I)", "exec hmirror(I)", "I = hmirror(I)\nO = hmirror(I)", "hmirror = vmirror(I)\nO = hmirror(I)",
    "T = hmirror(I)\nO = hmirror(T)", "__class__ = hmirror(I)\nO = hmirror(I)", "O = hmirror(I)\n\n\nO = hmirror(I)",
    "x1 = hmirror(x2)\nx2 = hmirror(x1)\nO = hmirror(x1)", "O = hmirror(O)", "<script>alert(1)</script>", "$(true)",
    "`true`", "'; DROP TABLE programs; --", "%s%s%s%n", "{{7*7}}", "../../etc/passwd",
]  # fmt: skip
SIZES = [
    "O = hmirror(" + "I" * (1 << 20) + ")", "(" * 100_000, "O = " + "hmirror(" * 100_000,
    "O = hmirror(" + "-" * 100_000 + "I)", "\n".join(["x1 = hmirror(I)"] * 100_000), "x" * (1 << 20),
    "\n" * 100_000 + "O", "=" * 100_000, " = " * 2000, "," * 8000, "O = hmirror(" + ", ".join(["I"] * 2000) + ")",
    "9" * 8000, "x" + "9" * 4000 + " = hmirror(I)\nO = hmirror(I)",
]  # fmt: skip


def attacks():
    for payload in [*EXPRESSIONS, *UNICODE, *CONTROLS]:
        yield f"O = {payload}"
        yield f"O = hmirror({payload})"
        yield f"O = {payload}(I)"
        yield f"x1 = hmirror(I)\n{payload} = hmirror(I)\nO = hmirror(x1)"
    for payload in [*UNICODE, *CONTROLS]:
        yield f"O = hmirror(I{payload})"
        yield f"{payload}O = hmirror(I)"
        yield f"O = hmirror(I)\n{payload}"
    yield from STATEMENTS
    yield from SIZES


# What the template makes of these is an ordinary program.
HARMLESS = {"O = hmirror(I)", "O = vconcat(I, I)"}
ATTACKS = sorted(set(attacks()) - HARMLESS)


@contextmanager
def canaries():
    """Replace Python's ways to evaluate text by ones that record their use."""
    called = []
    names = ("eval", "exec", "compile", "__import__", "open", "input", "breakpoint")
    kept = {name: getattr(builtins, name) for name in names}
    for name in names:
        setattr(builtins, name, lambda *arguments, name=name, **options: called.append(name))
    try:
        yield called
    finally:
        for name, function in kept.items():
            setattr(builtins, name, function)


def test_there_are_more_than_five_hundred():
    assert len(ATTACKS) > 500


def refusals(texts, mode):
    """Parse every text; return the programs that were accepted and the reasons for refusing the others."""
    accepted, reasons = [], set()
    for text in texts:
        try:
            accepted.append(parse(text, mode))
        except ProgramError as error:
            reasons.add(error.reason)
    return accepted, reasons


def test_every_attack_is_refused_with_a_reason():
    with canaries() as called:
        accepted, reasons = refusals(ATTACKS, "native")
    assert called == []
    assert [str(program) for program in accepted] == []
    assert reasons <= set(Reason)
    assert len(reasons) > 8


def test_codeit_mode_names_nothing_but_the_language():
    """The published syntax check accepts odd names and self-references; what passes can still only call primitives."""
    run_batch([parse("O = hmirror(I)")], [((1,),)], Limits(mode="codeit"))  # the first run looks up the dialect
    with canaries() as called:
        programs, _ = refusals(ATTACKS, "codeit")
        outcomes = run_batch(programs, [((1, 2), (3, 4))], Limits(mode="codeit"))
    assert called == []
    assert {outcome.status for (outcome,) in outcomes} <= {Status.OK, Status.ERROR, Status.INVALID}
