"""The seeded people of the development mode: a developer, the owner of the entries, an operator."""

from dataclasses import dataclass

PASSWORD = "pao-demo-only"  # noqa: S105 - printed by the demo; the development mode refuses other hosts than this one


@dataclass(frozen=True)
class Person:
    """Somebody to sign in as."""

    username: str
    first_name: str
    last_name: str
    groups: tuple[str, ...]
    is_operator: bool = False
    role: str = ""


PEOPLE: tuple[Person, ...] = (
    Person("dana", "Dana", "Developer", ("team:webshop",), role="requests infrastructure"),
    Person("omar", "Omar", "Owner", ("team:platform-databases",), role="owns the database entries"),
    Person("olga", "Olga", "Operator", ("operators",), is_operator=True, role="operates PAO, may use the admin"),
)


def seed() -> None:
    """Make the people that are missing; whoever exists stays as they are. Needs Django set up."""
    from django.contrib.auth.models import Group, User

    for person in PEOPLE:
        user, new = User.objects.get_or_create(
            username=person.username,
            defaults={
                "first_name": person.first_name,
                "last_name": person.last_name,
                "email": f"{person.username}@example.com",
                "is_staff": person.is_operator,
                "is_superuser": person.is_operator,
            },
        )
        if new:
            user.set_password(PASSWORD)
            user.save()
            user.groups.set([Group.objects.get_or_create(name=name)[0] for name in person.groups])
