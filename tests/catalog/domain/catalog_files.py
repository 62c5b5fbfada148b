"""A small catalog repository in which nothing is wrong; tests change one thing in it and look at the findings."""

from catalog.domain.checker import CheckedCatalog, check
from catalog.domain.codes import Profile

ITEM_FILE = "catalog/databases/database-small-test.yaml"
OTHER_FILE = "catalog/compute/compute-app-test.yaml"
BUNDLE_FILE = "bundles/bundle-both-test.yaml"

ITEM = """\
schemaVersion: catalog/v1
kind: CatalogItem
metadata:
  id: database-small-test
  name: Small Database
  description: A small database for tests, long enough to be described
  version: 1.0.0
  category: databases
  owner: {team: databases, contact: databases@example.com}
  port: "5432"
input:
  form:
    name: Database Name
    type: string
    required: true
    validation: {pattern: "^[a-z][a-z0-9-]{2,28}[a-z0-9]$"}
    groups:
      - id: basic
        name: Basic
        fields:
          - {id: title, name: Title, type: string, required: true}
          - {id: size, name: Size, type: number, default: 5}
          - {id: class, name: Class, type: select, enum: [small, large]}
          - {id: secret, name: Secret, type: password}
fulfillment:
  strategy: {mode: automatic}
  manual:
    actions:
      - type: jira-ticket
        config:
          ticket:
            project: DBA
            issueType: Task
            summaryTemplate: "Database {{.current.basic.title}}"
  automatic:
    actions:
      - type: rest-api
        id: call
        config:
          endpoint: {url: "https://api.example.com/databases", method: POST}
          headers: {X-User: "{{.system.user.id}}"}
          body:
            type: json
            contentTemplate: |
              {
                "title": "{{.current.basic.title}}",
                "size": {{.current.basic.size}}
              }
        outputs: {url: body.url}
      - type: jira-ticket
        config:
          ticket:
            project: DBA
            issueType: Task
            summaryTemplate: "Ready: {{.output.url}}"
            labels: ["{{.current.basic.class}}"]
"""

OTHER = """\
schemaVersion: catalog/v1
kind: CatalogItem
metadata:
  id: compute-app-test
  name: Application
  description: An application for tests, long enough to be described here
  version: 1.0.0
  category: compute
  owner: {team: compute, contact: compute@example.com}
input:
  form:
    name: Application Name
    type: string
    required: true
    validation: {pattern: "^[a-z][a-z0-9-]{2,28}[a-z0-9]$"}
    groups:
      - id: basic
        name: Basic
        fields:
          - {id: image, name: Image, type: string, required: true}
fulfillment:
  strategy: {mode: manual}
  manual:
    actions:
      - type: jira-ticket
        config:
          ticket:
            project: COMPUTE
            issueType: Task
            summaryTemplate: "Run {{.current.basic.image}}"
"""

BUNDLE = """\
schemaVersion: catalog/v1
kind: CatalogBundle
metadata:
  id: bundle-both-test
  name: Both
  description: A database and an application that uses it, for the tests
  version: 1.0.0
  owner: {team: architecture, contact: architecture@example.com}
components:
  - id: database
    catalogItem: database-small-test
  - id: app
    catalogItem: compute-app-test
    dependsOn: [database]
    inputs: {basic.image: "{{.current.app.container}}"}
input:
  form:
    name: Name
    type: string
    required: true
    validation: {pattern: "^[a-z][a-z0-9-]{2,28}[a-z0-9]$"}
    groups:
      - id: basic
        name: Basic
        fields:
          - {id: title, name: Title, type: string, required: true}
          - {id: size, name: Size, type: number, required: true}
          - {id: class, name: Class, type: select, enum: [small, large]}
      - id: app
        name: Application
        fields:
          - {id: container, name: Container, type: string, required: true}
          - {id: token, name: Token, type: password}
fulfillment:
  orchestration: {mode: sequential}
"""

TEXTS = {ITEM_FILE: ITEM, OTHER_FILE: OTHER, BUNDLE_FILE: BUNDLE}


def changed(file: str, *changes: tuple[str, str]) -> dict[str, bytes]:
    """Return the repository with texts of one file replaced; each must be there, so that no row tests nothing."""
    text = TEXTS[file]
    for old, new in changes:
        assert old in text, f"{old!r} is not in {file}"
        text = text.replace(old, new, 1)
    return {name: (text if name == file else other).encode() for name, other in TEXTS.items()}


def found(files: dict[str, bytes], profile: Profile = "strict") -> list[str]:
    """Return the findings as `line:column code`, those of the file under test first and only when they are in it."""
    return told(check(files, profile=profile))


def told(checked: CheckedCatalog) -> list[str]:
    """Return the findings as `line:column code`."""
    return [f"{finding.line}:{finding.column} {finding.code}" for finding in checked.findings]
