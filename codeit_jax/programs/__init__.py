"""Programs files: read, check and write programs for tasks."""

from codeit_jax.programs.check import ProgramCheck, ProgramsReport, check_programs
from codeit_jax.programs.files import load_programs, write_programs
from codeit_jax.programs.solver_file import SeedProgram, format_programs, parse_programs

__all__ = [
    "ProgramCheck",
    "ProgramsReport",
    "SeedProgram",
    "check_programs",
    "format_programs",
    "load_programs",
    "parse_programs",
    "write_programs",
]
