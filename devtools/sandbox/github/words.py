"""How GitHub answers when it refuses, and what of a request every part of it reads."""

from collections.abc import Callable, Iterator

from devtools.sandbox.github.repositories import Repositories, Repository
from devtools.sandbox.web import Answer, Json, Refusal, Request, Router

DOCUMENTATION = "https://docs.github.com/rest"
TASK_TRAILER = "PAO-Task: "
MARKER_PREFIX = "pao-task-"


def refused(status: int, message: str, *errors: Json) -> Refusal:
    """Return a refusal in GitHub's form; `errors` tell what is wrong with which field."""
    body: Json = {"message": message, "documentation_url": DOCUMENTATION, "status": str(status)}
    return Refusal(status, body | ({"errors": list(errors)} if errors else {}))


def invalid(resource: str, field: str, message: str = "") -> Refusal:
    """Return a 422 about one field; `message` makes it a reason of its own."""
    if message:
        return refused(422, "Validation Failed", {"resource": resource, "code": "custom", "message": message})
    return refused(422, "Validation Failed", {"resource": resource, "field": field, "code": "invalid"})


def not_found() -> Refusal:
    """Return what GitHub says about whatever is not there, or not to be seen."""
    return refused(404, "Not Found")


def sent(request: Request) -> Json:
    """Return the body as a JSON object; raises `Refusal` 400 in GitHub's words."""
    try:
        value = request.json()
    except Refusal:
        raise refused(400, "Problems parsing JSON") from None
    if not isinstance(value, dict):
        raise refused(400, "Body should be a JSON object")
    return value


def text(body: Json, resource: str, field: str) -> str:
    """Return a text that must be there; raises `Refusal` 422."""
    value = body.get(field)
    if not isinstance(value, str) or not value:
        code = "missing_field" if value is None else "invalid"
        raise refused(422, "Validation Failed", {"resource": resource, "field": field, "code": code})
    return value


def guarded(handler: Callable[[Request], Answer]) -> Callable[[Request], Answer]:
    """Return the handler behind the check of credentials: a token, as `Bearer` or `token`."""

    def answer(request: Request) -> Answer:
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() not in {"bearer", "token"} or not token.strip():
            raise refused(401, "Requires authentication" if not scheme else "Bad credentials")
        return handler(request)

    return answer


class Routes:
    """Adds guarded routes below /repos/{owner}/{repo} and finds the repository of a request."""

    def __init__(self, repositories: Repositories) -> None:
        self.repositories = repositories

    def routes(self) -> Iterator[tuple[str, str, Callable[[Request], Answer]]]:
        """Yield method, path below the repository, and handler."""
        raise NotImplementedError

    def add_routes(self, router: Router) -> None:
        """Add them all."""
        for method, path, handler in self.routes():
            router.add(method, f"/repos/{{owner}}/{{repo}}{path}", guarded(handler))

    def repository(self, request: Request) -> Repository:
        """Return the repository that the path names; raises `Refusal` 404."""
        found = self.repositories.find(f"{request.params['owner']}/{request.params['repo']}")
        if found is None:
            raise not_found()
        return found


def marker_of(message: str | None) -> str | None:
    """Return the marker of the PAO task that a commit's message or a pull request's text names, or None."""
    for line in reversed((message or "").splitlines()):
        if line.startswith(TASK_TRAILER):
            return MARKER_PREFIX + line.removeprefix(TASK_TRAILER).strip()
    return None
