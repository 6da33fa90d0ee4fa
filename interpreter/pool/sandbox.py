"""What a worker process gives up before it runs programs.

Programs cannot name anything but DSL primitives, so nothing here is the boundary that keeps them in; it is the second
line, for a defect of the interpreter. `confine` sets resource limits (address space, no files to write, few
descriptors, no core dump), asks the kernel to kill the worker with its parent, and, where the kernel offers them, adds
landlock (no file system) and seccomp (no sockets, no new processes, no tracing).

Not covered: a worker keeps its user, sees the host's process list, and can use CPU and memory up to its limits. Timing
and other side channels are open. Where landlock or seccomp is missing (old kernels, macOS, other processors than
x86-64 and arm64) an escaped program could read what its user can. RLIMIT_AS is not enforced on macOS.
"""

import ctypes
import os
import platform
import resource
import signal
import struct
import sys
from typing import NamedTuple

_PR_SET_PDEATHSIG = 1
_PR_SET_SECCOMP = 22
_PR_SET_NO_NEW_PRIVS = 38
_SECCOMP_MODE_FILTER = 2

_LANDLOCK_CREATE_RULESET = 444
_LANDLOCK_RESTRICT_SELF = 446
_LANDLOCK_CREATE_RULESET_VERSION = 1
# Rights that exist since landlock ABI 1: the 13 file system rights from execute to make_sym.
_LANDLOCK_FILE_RIGHTS = (1 << 13) - 1

# Numbers of the refused system calls: sockets, new processes and programs, tracing, signals to others.
_REFUSED_CALLS = {
    "x86_64": (0xC000003E, (41, 42, 49, 53, 56, 57, 58, 59, 62, 101, 200, 234, 310, 311, 322, 434, 435)),
    "aarch64": (0xC00000B7, (117, 129, 130, 131, 198, 199, 200, 203, 220, 221, 270, 271, 281, 434, 435)),
}
_X32_CALLS = 0x40000000  # a second numbering of the same calls on x86-64
_ERRNO_EPERM = 1


class Protections(NamedTuple):
    """Which kernel protections are in force."""

    landlock: bool
    seccomp: bool


def confine(memory_bytes: int) -> Protections:
    """Give up what running programs does not need. Everything must have been imported before."""
    _die_with_parent()
    # Soft and hard limits alike, so that nothing can raise them again.
    resource.setrlimit(resource.RLIMIT_AS, (memory_bytes, memory_bytes))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))  # of files; pipes have no size
    resource.setrlimit(resource.RLIMIT_NOFILE, (16, 16))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # a crash at 1 GiB would fill the disk
    if sys.platform != "linux":
        return Protections(landlock=False, seccomp=False)
    libc = ctypes.CDLL(None, use_errno=True)
    # Without it an unprivileged process may install neither landlock nor seccomp.
    if libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0:
        return Protections(landlock=False, seccomp=False)
    return Protections(landlock=_forbid_files(libc), seccomp=_forbid_calls(libc))


def _die_with_parent() -> None:
    if sys.platform != "linux":
        return
    parent = os.getppid()
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:  # it died in between
        os._exit(1)


def _forbid_files(libc: ctypes.CDLL) -> bool:
    """Restrict this process to a landlock ruleset without any rule."""
    if libc.syscall(_LANDLOCK_CREATE_RULESET, None, 0, _LANDLOCK_CREATE_RULESET_VERSION) < 1:
        return False
    handled = ctypes.c_uint64(_LANDLOCK_FILE_RIGHTS)
    ruleset = libc.syscall(_LANDLOCK_CREATE_RULESET, ctypes.byref(handled), ctypes.sizeof(handled), 0)
    if ruleset < 0:
        return False
    restricted = libc.syscall(_LANDLOCK_RESTRICT_SELF, ruleset, 0) == 0
    os.close(ruleset)
    return bool(restricted)


class _FilterProgram(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("instructions", ctypes.c_char_p))  # a mere pointer: zeros do not end it


def _forbid_calls(libc: ctypes.CDLL) -> bool:
    """Install a seccomp filter that answers EPERM to the refused calls and kills on a foreign architecture."""
    if platform.machine() not in _REFUSED_CALLS:
        return False
    architecture, numbers = _REFUSED_CALLS[platform.machine()]
    load, jump_equal, jump_at_least, give = 0x20, 0x15, 0x35, 0x06
    allow, refuse, kill = 0x7FFF0000, 0x00050000 | _ERRNO_EPERM, 0x80000000
    # The architecture first, for the same number is another call on another one.
    code = [(load, 0, 0, 4), (jump_equal, 1, 0, architecture), (give, 0, 0, kill), (load, 0, 0, 0)]
    code.append((jump_at_least, len(numbers) + 1, 0, _X32_CALLS))
    for position, number in enumerate(numbers):  # a jump counts what it skips: all up to the last instruction
        code.append((jump_equal, len(numbers) - position, 0, number))
    code += [(give, 0, 0, allow), (give, 0, 0, refuse)]
    instructions = b"".join(struct.pack("<HBBI", *instruction) for instruction in code)
    filter_program = _FilterProgram(len(code), instructions)
    return bool(libc.prctl(_PR_SET_SECCOMP, _SECCOMP_MODE_FILTER, ctypes.byref(filter_program), 0, 0) == 0)
