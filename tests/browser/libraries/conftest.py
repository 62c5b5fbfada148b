"""The form libraries that PAO's forms are published for, from npm."""

from collections.abc import Iterator

import pytest

from devtools.rjsf.harness import Program


@pytest.fixture(scope="session")
def ajv() -> Iterator[Program]:
    """The validator of react-jsonschema-form."""
    program = Program("check.mjs")
    yield program
    program.close()
