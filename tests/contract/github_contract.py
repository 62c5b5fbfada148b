"""Judges requests to GitHub's REST interface and its answers by the strict contract in tests/contract/github."""

from pathlib import Path

from tests.contract.openapi import OpenApiContract, document

GITHUB = Path(__file__).with_name("github") / "openapi.strict.json"


class GitHubContract(OpenApiContract):
    """The strict contract; every check returns what is wrong, in words."""

    def __init__(self) -> None:
        super().__init__(document(GITHUB), errors="/components/schemas/basic-error")
