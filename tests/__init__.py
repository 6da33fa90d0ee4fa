"""The tests, a package so that they find one another's modules by name: `from tests.run.tiny_run import Tiny`."""
