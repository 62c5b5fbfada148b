"""The SQS stand-in against the outside contract: AWS's documented FIFO behaviour, one test per check."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from devtools.sqs import SqsStandIn
from tests.contract import sqs_conformance
from tests.contract.sqs_checks_polling import concurrent_receive_no_double
from tests.contract.sqs_probe import CHECKS, Verdict, run

NAMES = [check.__name__ for check in CHECKS]


@pytest.fixture(scope="module")
def verdicts() -> Iterator[dict[str, Verdict]]:
    """All verdicts. The checks mostly wait, so they run side by side; the one that works hard runs alone."""
    stand_in = SqsStandIn()
    endpoint = stand_in.start()
    waiting = [check for check in CHECKS if check is not concurrent_receive_no_double]
    with ThreadPoolExecutor(max_workers=16) as pool:
        results = list(pool.map(lambda check: run(check, endpoint), waiting))
    results.append(run(concurrent_receive_no_double, endpoint))
    yield {verdict.name: verdict for verdict in results}
    stand_in.stop()


def test_the_contract_has_all_its_checks() -> None:
    assert len(NAMES) == len(set(NAMES)) == 45
    assert all(group.__doc__ for group in sqs_conformance.GROUPS)


@pytest.mark.parametrize("name", NAMES)
def test_behaves_as_aws_documents(name: str, verdicts: dict[str, Verdict]) -> None:
    assert verdicts[name].verdict == "PASS", verdicts[name]
