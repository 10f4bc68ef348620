"""Chat skills with letters and words; their form is explained in `skills.py`."""

from . import facts
from .grammar import join_list, phrase
from .lexicon import ANIMALS, BOYS, COLOURS, FOODS, GIRLS, OBJECTS, TRAITS

CONSONANTS = "BCDFGHKLMNPRSTVWZ" * 3 + "JQXY"


VOWELS = "AEIOU"


REAL_WORDS = sorted(
    {
        word.upper()
        for word in (
            *ANIMALS,
            *OBJECTS,
            *COLOURS,
            *FOODS,
            *TRAITS,
            *facts.OPPOSITES,
            *facts.JOBS,
            *facts.ONES,
            *facts.TENS,
            *GIRLS,
            *BOYS,
        )
        if word.isalpha()
    }
)


def any_word(rng, low, high):
    """A word in capitals: a real one or, mostly, one made up, so that none is learnt by heart."""
    if rng.random() < 0.25:
        return rng.choice([word for word in REAL_WORDS if low <= len(word) <= high])
    length = rng.randint(low, high)
    word, vowel = "", rng.random() < 0.3
    while len(word) < length:
        word += rng.choice(VOWELS if vowel else CONSONANTS)
        if rng.random() < 0.12:
            word += word[-1] if rng.random() < 0.5 else rng.choice(CONSONANTS + VOWELS)
        vowel = not vowel
    return word[:length]


def count_letters(rng):
    word = any_word(rng, 3, 10)
    if rng.random() < 0.45:  # else a letter three times would be too rare to learn
        repeated = rng.choice(word)
        word = "".join(repeated if rng.random() < 0.3 else c for c in word)
    letter = rng.choice(word) if rng.random() < 0.85 else rng.choice(CONSONANTS + VOWELS)
    count = word.count(letter)
    question = phrase(
        rng,
        rng.choice(
            [
                'How many times does the letter {l} appear in [the word |]"{w}"?',
                "How many times does [the letter |]{l} [appear|occur] in {w}?",
                "How many {l} are [there |]in [the word |]{w}?",
                "How often is [the letter |]{l} in {w}?",
                'Count the letter {l} in ["{w}"|{w}].',
                "How many letters {l} does {w} have?",
            ]
        ),
        l=letter,
        w=word,
    )
    times = "time" if count == 1 else "times"
    return word, question, f"The letter {letter} appears {count} {times}."


def reverse_word(rng):
    word = any_word(rng, 3, 6)
    question = phrase(
        rng,
        rng.choice(
            [
                "[Reverse|Please reverse] [the word |]{w}[.|]",
                'Reverse "{w}".',
                "[Write|Spell|Say] [the word |]{w} backwards[.|]",
                "What is {w} backwards?",
                'What is "{w}" spelled backwards?',
                "Can you reverse [the word |]{w}?",
            ]
        ),
        w=word,
    )
    return word, question, word[::-1]


def person_name(rng):
    """A known name or, mostly, a made-up one: copying is the skill, not knowing names."""
    if rng.random() < 0.35:
        return rng.choice(GIRLS + BOYS)
    return any_word(rng, 3, 7).capitalize()


def extract_json(rng):
    name, age = person_name(rng), rng.randint(2, 99)
    city, job = rng.choice(list(facts.CAPITALS.values())), rng.choice(facts.JOBS)
    text = phrase(
        rng,
        rng.choice(
            [
                "{n} is {a} years old and lives in {c}.",
                "{n} lives in {c} and is {a} years old.",
                "{n}, who is {a} years old, works as a {j} in {c}.",
                "{n} is a {j} from {c}, aged {a}.",
                "In {c} lives a {j} called {n}, who is {a} years old.",
                "My name is {n}. I am {a} years old and live in {c}.",
                "My friend {n} is {a}. {n} is a {j} in {c}.",
                "{n} ({a}) is a {j} and lives in {c}.",
            ]
        ),
        n=name,
        a=age,
        c=city,
        j=job,
    )
    values = {"name": f'"{name}"', "age": str(age), "city": f'"{city}"'}
    if f" {job} " in f" {text.replace(',', ' ').replace('.', ' ')} ":
        values["job"] = f'"{job}"'
    fields = rng.sample(list(values), rng.choice([1, 2, 2, 3]))
    question = phrase(
        rng,
        rng.choice(
            [
                "[Extract|Give me|Write|Get] the {f} as JSON: {t}",
                "[Extract|Get] the {f} from this text as JSON: {t}",
                "{t} [Extract|Give me|Write] the {f} as JSON.",
                "Put the {f} into JSON: {t}",
            ]
        ),
        f=join_list(fields),
        t=text,
    )
    answer = "{" + ", ".join(f'"{field}": {values[field]}' for field in fields) + "}"
    return (name, age // 10), question, answer
