"""The description of the API says what every operation has in common."""

from typing import Any

import pytest
from django.test import override_settings
from drf_spectacular.drainage import GENERATOR_STATS
from drf_spectacular.generators import SchemaGenerator
from openapi_spec_validator import validate

from pao.api.errors import STATUS_BY_CODE


@pytest.fixture(scope="module")
def description() -> dict[str, Any]:
    """The description of the small API of these tests; any warning of the generator is an error."""
    with override_settings(ROOT_URLCONF="tests.pao.api.urls"):
        GENERATOR_STATS.reset()
        generator: Any = SchemaGenerator
        generated: dict[str, Any] = generator(urlconf="tests.pao.api.urls").get_schema(request=None, public=True)
    return generated


def test_it_is_valid_openapi_3_1(description: dict[str, Any]) -> None:
    assert description["openapi"].startswith("3.1")
    validate(description)


def test_success_is_in_the_envelope(description: dict[str, Any]) -> None:
    schema = description["paths"]["/api/v1/echo"]["post"]["responses"]["200"]["content"]["application/json"]["schema"]
    assert schema["properties"] == {
        "data": {"$ref": "#/components/schemas/Note"},
        "meta": {"$ref": "#/components/schemas/Meta"},
    }
    assert schema["required"] == ["data", "meta"]


def test_lists_with_a_cursor_have_a_page(description: dict[str, Any]) -> None:
    schema = description["paths"]["/api/v1/echo"]["get"]["responses"]["200"]["content"]["application/json"]["schema"]
    assert schema["required"] == ["data", "meta", "page"]


@pytest.mark.parametrize(
    ("path", "method", "statuses"),
    [
        ("/api/v1/echo", "get", {"200", "400", "406", "500", "503"}),
        ("/api/v1/echo", "post", {"200", "400", "406", "413", "415", "500", "503"}),
        ("/api/v1/who", "get", {"200", "400", "401", "403", "406", "500", "503"}),
        (
            "/api/v1/notes",
            "post",
            {"202", "400", "401", "403", "406", "409", "413", "415", "422", "500", "503"},
        ),
        ("/api/v1/raise/{kind}", "get", {"200"}),  # says that it stands outside the envelope
    ],
)
def test_every_operation_lists_its_errors(
    description: dict[str, Any], path: str, method: str, statuses: set[str]
) -> None:
    assert set(description["paths"][path][method]["responses"]) == statuses


def test_all_codes_are_in_the_enumeration(description: dict[str, Any]) -> None:
    assert set(description["components"]["schemas"]["ErrorCode"]["enum"]) == set(STATUS_BY_CODE)


def test_headers_that_operations_take(description: dict[str, Any]) -> None:
    def headers(path: str, method: str) -> dict[str, bool]:
        parameters = description["paths"][path][method]["parameters"]
        return {one["name"]: one.get("required", False) for one in parameters if one["in"] == "header"}

    assert headers("/api/v1/notes", "post") == {"X-Correlation-ID": False, "Idempotency-Key": True}
    assert headers("/api/v1/who", "get") == {"X-Correlation-ID": False}


def test_the_ways_to_sign_in(description: dict[str, Any]) -> None:
    assert set(description["components"]["securitySchemes"]) == {"session", "development"}
    assert description["paths"]["/api/v1/who"]["get"]["security"] == [{"development": []}, {"session": []}]


def test_the_generator_had_nothing_to_warn_about(description: dict[str, Any]) -> None:
    assert description
    assert not GENERATOR_STATS
