"""The values of one letter against its catalogue entry: all there, none unknown, each of its kind."""

from collections.abc import Mapping

from stemtide.mail.templates import Template, UnknownTemplateError, Value, find
from stemtide.mail.values import Checked, WrongValueError, check


class LetterError(ValueError):
    """A letter that can never be written as it was asked for: which one, what is wrong, what would be right.

    `value` names the value that is wrong, if it is one.
    """

    def __init__(self, template: str, problem: str, *, remedy: str, value: str | None = None) -> None:
        super().__init__(f"letter {template[:60]}: {problem}: {remedy}")
        self.template = template
        self.problem = problem
        self.remedy = remedy
        self.value = value


def letter(name: str) -> Template:
    """The letter of this name.

    Raises:
        LetterError: there is none.
    """
    try:
        return find(name)
    except UnknownTemplateError as error:
        raise LetterError(name, "there is no such letter", remedy=str(error)) from None


def checked(template: Template, values: Mapping[str, object]) -> dict[str, Checked | None]:
    """The values, understood; an optional one that is absent, or a name that cannot be used, is None.

    Raises:
        LetterError: one is missing, unknown, or not of its kind.
    """
    for name in values:
        if name not in template.values:
            raise _wrong(template, name[:60], "is unknown", f"it takes {', '.join(template.values)}")
    found = {
        name: _understood(template, name, one, values.get(name)) for name, one in template.values.items()
    }
    present = [name for name in template.together if found[name] is not None]
    if present and len(present) < len(template.together):
        all_of = f"give all of {', '.join(template.together)}, or none"
        raise _wrong(template, present[0], "stands alone", all_of)
    return found


def _understood(template: Template, name: str, value: Value, given: object) -> Checked | None:
    if given is None:
        if value.required:
            raise _wrong(template, name, "is missing", f"give {value.about}, e.g. {value.example!r}")
        return None
    try:
        found = check(value.kind, given)
    except WrongValueError as error:
        raise _wrong(template, name, "is wrong", str(error)) from None
    if found != "":
        return found
    if value.required:
        raise _wrong(template, name, "is wrong", "give a name that does not look like an address or a link")
    return None


def _wrong(template: Template, name: str, problem: str, remedy: str) -> LetterError:
    return LetterError(template.name, f"value {name!r} {problem}", remedy=remedy, value=name)
