"""Templates that become correct English.

A template is text with three kinds of marks:
  [a|b|c]    one of the alternatives (nested ones too; an empty one is allowed)
  {slot}     a character or thing of the story; {slot.he}, {slot.full}, ... one of its forms
  {@name}    one of the shared snippets of that name
  ^          the next letter is a capital
Articles are written "a" and become "an" where the next word wants it; sentences get their capitals.
"""

import re
from functools import cache
from itertools import accumulate
from typing import NamedTuple

VOWEL_EXCEPTIONS = ("one", "once", "uni", "use", "eu")
SILENT_H = ("hour", "honest", "honour")


def fix_articles(text):
    """ "a owl" becomes "an owl", "a hour" "an hour"; "a unicorn" stays."""

    def article(match):
        word = match.group(2).lower()
        vowel = word[0] in "aeiou" and not word.startswith(VOWEL_EXCEPTIONS)
        if vowel or word.startswith(SILENT_H):
            return match.group(1) + "n " + match.group(2)
        return match.group(0)

    # "A" inside a sentence is a letter
    return re.sub(r"""(\ba|(?:^|(?<=[.!?:"] )|(?<="))A) ([A-Za-z]+)""", article, text)


def fix_capitals(text):
    """Capitals at the start of the text, after a full stop, and where a caret asks for one."""
    text = re.sub(r'(^"?|[.!?] "?|\."\s)([a-z])', lambda m: m.group(1) + m.group(2).upper(), text)
    return re.sub(r'\^("?)([a-zA-Z])', lambda m: m.group(1) + m.group(2).upper(), text)


def join_list(words, conjunction="and"):
    """ "x", "x and y", "x, y and z"."""
    if len(words) == 1:
        return words[0]
    return ", ".join(words[:-1]) + f" {conjunction} " + words[-1]


PRONOUNS = {
    "he": {"he": "he", "him": "him", "his": "his", "himself": "himself"},
    "she": {"he": "she", "him": "her", "his": "her", "himself": "herself"},
}


class Character:
    """Someone in a story: who, of which kind, and with which forms."""

    def __init__(self, name, kind, gender, adjective, forms, by_name=0.7):
        self.name = name
        self.kind = kind
        self.adjective = adjective
        self.by_name = by_name  # how often the name is used, not the kind
        self.forms = dict(PRONOUNS[gender], **forms)
        self.forms.update(name=name, kind=kind, adj=adjective)

    def form(self, rng, form):
        if form is None:
            return self.name if rng.random() < self.by_name else f"the {self.kind}"
        if form == "intro":
            named = favour_first(rng, ["named", "called", "whose name was"])
            return f"a {self.adjective} {self.kind} {named} {self.name}"
        return self.forms[form]


class Thing:
    """An object of a story; `full` on first mention, then the plain noun."""

    def __init__(self, noun, *adjectives):
        self.noun = noun
        self.full = " ".join((*adjectives, noun))

    def form(self, _rng, form):
        return self.full if form == "full" else self.noun


@cache
def falling_weights(n):
    """Sums of 1/2, 1/3, 1/4, ..."""
    return list(accumulate(1 / (i + 2) for i in range(n)))


def favour_first(rng, options):
    """A choice in which the i-th option weighs 1 / (i + 2): as in natural text, some words are
    commoner than others, so that the likeliest one leads clearly and greedy text is stable."""
    return rng.choices(options, cum_weights=falling_weights(len(options)))[0]


def evenly(rng, options):
    return rng.choice(options)


class Alternatives(tuple):
    """Of a bracket: parsed templates."""


class Slot(NamedTuple):
    name: str
    form: str


@cache
def parsed(template):
    """A template as a tuple of strings, slots and alternatives."""
    parts, at = [], 0
    for mark in MARKS.finditer(template):
        if mark.start() < at:
            continue  # inside a bracket
        if mark.start() > at:
            parts.append(template[at : mark.start()])
        if mark.group() == "[":
            at, options = bracket(template, mark.start())
            parts.append(Alternatives(parsed(option) for option in options))
        else:
            at = template.index("}", mark.start()) + 1
            name, _, form = template[mark.start() + 1 : at - 1].partition(".")
            parts.append(Slot(name, form))
    return (*parts, template[at:]) if at < len(template) else tuple(parts)


MARKS = re.compile(r"[\[{]")


def bracket(template, start):
    """Where the bracket at `start` ends, and its alternatives."""
    depth, options, begin = 0, [], start + 1
    for at in range(start, len(template)):
        mark = template[at]
        if mark == "[":
            depth += 1
        elif mark == "|" and depth == 1:
            options.append(template[begin:at])
            begin = at + 1
        elif mark == "]":
            depth -= 1
            if depth == 0:
                return at + 1, [*options, template[begin:at]]
    raise ValueError(f"unclosed bracket in {template!r}")


class Expander:
    """Expands templates with the slots of one story. Choices come from `rng` alone."""

    def __init__(self, rng, slots, snippets, choose=favour_first):
        self.rng = rng
        self.choose = choose
        self.slots = slots
        self.snippets = snippets

    def text(self, template):
        """One expanded paragraph."""
        return fix_articles(fix_capitals(self._expand(parsed(template))))

    def _expand(self, parts):
        return "".join([part if type(part) is str else self._part(part) for part in parts])

    def _part(self, part):
        if type(part) is Alternatives:
            return self._expand(self.choose(self.rng, part))
        name, form = part
        if name[0] == "@":
            return self._expand(parsed(self.choose(self.rng, self.snippets[name[1:]])))
        value = self.slots[name]
        if isinstance(value, str):
            return self._expand(parsed(value)) if MARKS.search(value) else value
        word = value.form(self.rng, form.lower() or None)
        return word[:1].upper() + word[1:] if form[:1].isupper() else word


def phrase(rng, template, **slots):
    """A template whose slots are plain values."""
    values = {name: str(value) for name, value in slots.items()}
    return Expander(rng, values, {}, evenly).text(template)
