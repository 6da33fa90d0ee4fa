"""Programs files: read, check, shorten and write programs for tasks."""

from codeit_jax.programs.check import ProgramCheck, ProgramsReport, check_programs
from codeit_jax.programs.coverage import coverage, coverage_table
from codeit_jax.programs.programs_file import load_programs, write_programs
from codeit_jax.programs.shorten import shorten_programs
from codeit_jax.programs.solver_file import SeedProgram, format_programs, parse_programs

__all__ = [
    "ProgramCheck",
    "ProgramsReport",
    "SeedProgram",
    "check_programs",
    "coverage",
    "coverage_table",
    "format_programs",
    "load_programs",
    "parse_programs",
    "shorten_programs",
    "write_programs",
]
