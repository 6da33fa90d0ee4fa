"""Programs files: read, check, shorten and write programs for tasks."""

from codeit_jax.programs.program_checks import ProgramCheck, ProgramsReport, check_programs
from codeit_jax.programs.programs_file import load_programs, write_programs
from codeit_jax.programs.rewrites import canonical_program, canonical_text
from codeit_jax.programs.shorten import shorten_programs
from codeit_jax.programs.solver_file import SeedProgram, format_programs, parse_programs

__all__ = [
    "ProgramCheck",
    "ProgramsReport",
    "SeedProgram",
    "canonical_program",
    "canonical_text",
    "check_programs",
    "format_programs",
    "load_programs",
    "parse_programs",
    "shorten_programs",
    "write_programs",
]
