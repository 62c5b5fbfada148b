"""`./dev demo`: the whole of PAO on this machine, running its main job before your eyes.

First act: the author's bundle, by the manual path: three JIRA tickets in dependency order, linked. Second act: an item
whose REST action's captured output stands in the ticket after it. Third act: a platform team pushes, and what it pushed
is served. Then everything keeps running until Ctrl-C.
"""

import argparse
import os
import shutil
import sys
import time
from typing import Any

from devtools import repository, stage
from devtools.client import Answered, JiraClient, PaoClient, deliver
from devtools.parts import STATE, Deployment
from devtools.processes import free_port
from pao.core.errors import PaoError

DIRECTORY = STATE / "demo"
BUNDLE = "bundle-webapp-production"
INSTANT = "database-instant-sandbox"
INSTANT_FILE = f"catalog/databases/{INSTANT}.yaml"
WEBHOOK_SECRET = "pao-demo-only-webhook"  # noqa: S105 - of the demo's own repository, known to everybody
SECONDS = 60.0
GLYPHS = {
    "pending": "·",
    "queued": "…",
    "processing": "▶",
    "waiting": "◷",
    "completed": "✔",
    "failed": "✘",
    "stuck": "!",
    "skipped": "–",
}
ENDED = {"completed", "failed", "aborted"}
BUNDLE_FORM = {
    "name": "webshop-prod",
    "basic": {
        "instanceName": "webshop-db",
        "instanceClass": "db.t3.small",
        "secretName": "webshop-secrets",
        "appName": "webshop",
        "containerImage": "registry.example.com/webshop:1.4.2",
        "replicas": 3,
    },
}
EXPECTED_BLOCKERS = {"database": set[str](), "secrets": {"database"}, "app": {"database", "secrets"}}


class DemoError(RuntimeError):
    """The demo did not show what it promises; the message says what is missing."""


def main() -> int:
    """Run the demo; return 0 when everything it promises was seen."""
    options = _options()
    if options.fresh:
        shutil.rmtree(DIRECTORY, ignore_errors=True)
    try:
        settings = {"PAO_FORCE_MANUAL": "true", "PAO_GITHUB_WEBHOOK_SECRETS": WEBHOOK_SECRET}
        with stage.deployment(DIRECTORY, settings) as deployment:
            stage.start(deployment)
            stage.show_addresses(deployment)
            _play(deployment)
            if not options.once:
                print("Everything keeps running; submit something yourself. Ctrl-C stops it all.", flush=True)
                stage.keep_running(deployment)
    except KeyboardInterrupt:
        print("\nStopped.")
    except (DemoError, Answered, PaoError, OSError) as error:
        print(f"\nThe demo failed: {error}\nThe processes' own words are in {DIRECTORY / 'logs'}.", file=sys.stderr)
        return 1
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="./dev demo", description=__doc__.splitlines()[0])
    parser.add_argument("--once", action="store_true", help="end when all acts have been seen and checked")
    parser.add_argument("--fresh", action="store_true", help="forget everything of earlier starts")
    return parser.parse_args()


def _play(deployment: Deployment) -> None:
    developer = PaoClient(deployment.address, "dana")
    print(f"First act: {BUNDLE}, by hand (PAO_FORCE_MANUAL=true): one ticket for each component.")
    request = _submit_and_follow(deployment, developer, BUNDLE, BUNDLE_FORM)
    _check_links(deployment, request)
    print(f"Second act: {INSTANT}, automatic: a REST call, and its captured output in a ticket.")
    port = free_port()
    automatic = deployment.start_web("web-automatic", port, PAO_FORCE_MANUAL="false")
    form = {"name": "webshop-cache", "basic": {"size": "small", "storageSize": 10}}
    request = _submit_and_follow(deployment, PaoClient(f"http://127.0.0.1:{port}", "dana"), INSTANT, form)
    automatic.stop()
    _check_output(deployment, request)
    if "PAO_CATALOG_REPOSITORY" not in os.environ:
        _push_and_see(deployment, developer)


def _push_and_see(deployment: Deployment, developer: PaoClient) -> None:
    """Change a document, tell PAO as GitHub would, and see the new version served."""
    old = developer.get(f"/catalog/{INSTANT}")["version"]
    major, minor, _ = old.split(".")
    new = f"{major}.{int(minor) + 1}.0"
    print(f"Third act: a platform team pushes version {new} of {INSTANT}, and GitHub tells PAO.")
    directory = deployment.directory / "catalog-repository"
    payload = repository.push(directory, INSTANT_FILE, f"version: {old}", f"version: {new}")
    began = time.monotonic()
    delivery = deliver(deployment.address, payload, WEBHOOK_SECRET)
    print(f"  POST /api/v1/webhooks/github → {delivery['outcome']} after {(time.monotonic() - began) * 1000:.0f} ms")
    while (served := developer.get(f"/catalog/{INSTANT}"))["version"] != new:
        deployment.supervisor.revive()
        if time.monotonic() - began > SECONDS:
            raise DemoError(f"{INSTANT} is still served as {served['version']} after {SECONDS:.0f} s")
        time.sleep(0.1)
    owners = ", ".join(served["owner"]["code_owners"])
    print(f"  ✔ {new} is served {time.monotonic() - began:.1f} s after the push, owned by {owners}\n")


def _submit_and_follow(deployment: Deployment, developer: PaoClient, item: str, form: dict[str, Any]) -> Any:
    began = time.monotonic()
    request = developer.post("/requests", {"item_id": item, "form_data": form})
    print(f"  POST /api/v1/requests → 202 after {(time.monotonic() - began) * 1000:.0f} ms, {request['tracking_url']}")
    shown: dict[str, str] = {}
    while True:
        detail = developer.get(f"/requests/{request['id']}")
        for name in deployment.supervisor.revive():
            print(f"         ! {name} was killed; it is started again")
        _show_progress(detail, shown, time.monotonic() - began)
        if detail["state"] in ENDED:
            break
        if time.monotonic() - began > SECONDS:
            raise DemoError(f"request {request['id']} is still {detail['state']} after {SECONDS:.0f} s")
        time.sleep(0.1)
    if detail["state"] != "completed":
        reason = detail["state_reason"]
        raise DemoError(f"the request is {detail['state']}: {reason['sentence']} {reason['next_step']}")
    done = detail["progress"]
    print(f"  ✔ completed: {done['completed']} of {done['total']} tasks in {time.monotonic() - began:.1f} s\n")
    return detail


def _show_progress(detail: Any, shown: dict[str, str], seconds: float) -> None:
    for task in detail["tasks"]:
        if shown.get(task["id"]) == task["state"] or task["state"] == "pending":
            continue
        shown[task["id"]] = task["state"]
        keys = " ".join(f"{reference['key']} {reference['url']}" for reference in task["references"])
        name = f"{task['component_id'] or task['item_id']:<26} {task['action_type']:<12}"
        print(f"  {seconds:5.1f} s  {GLYPHS[task['state']]} {name} {task['state']:<10} {keys}")


def _check_links(deployment: Deployment, request: Any) -> None:
    """See in JIRA itself that each ticket is blocked by those of the components it depends on, and by no others."""
    jira = _jira(deployment)
    keys = {task["component_id"]: task["references"][0]["key"] for task in request["tasks"]}
    if set(keys) != set(EXPECTED_BLOCKERS):
        raise DemoError(f"expected tickets for {sorted(EXPECTED_BLOCKERS)}, found {keys}")
    for component, waits_for in EXPECTED_BLOCKERS.items():
        expected = {keys[other] for other in waits_for}
        found = jira.blockers(keys[component])
        if found != expected:
            raise DemoError(f"{keys[component]} should be blocked by {sorted(expected)}, but JIRA says {sorted(found)}")
        blocked = f"is blocked by {', '.join(sorted(found))}" if found else "waits for nothing"
        print(f"  JIRA: {keys[component]:<11} ({component}) {blocked}")
    print()


def _check_output(deployment: Deployment, request: Any) -> None:
    captured = request["outputs"].get("databaseUrl")
    if not captured:
        raise DemoError("the REST action's output databaseUrl was not captured")
    references = [reference for task in request["tasks"] for reference in task["references"]]
    key = next(reference["key"] for reference in references if reference["type"] == "jira-ticket")
    if captured not in str(_jira(deployment).issue(key)["fields"]):
        raise DemoError(f"{key} does not show the captured output {captured}")
    print(f"  JIRA: {key} shows the captured {captured}\n")


def _jira(deployment: Deployment) -> JiraClient:
    settings = deployment.environment
    return JiraClient(
        settings["PAO_JIRA_URL"],
        settings.get("PAO_JIRA_API_VERSION", "3"),
        settings.get("PAO_JIRA_USER", ""),
        settings.get("PAO_JIRA_TOKEN", ""),
    )


if __name__ == "__main__":
    sys.exit(main())
