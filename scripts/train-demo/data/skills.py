"""Chat skills with exact answers.

Every skill is a function of a random generator that gives (key, question, answer). The key decides
by its hash whether the example is for training or held out for the evaluation: the operands or the
word where the skill is to generalise over them, the whole question where it is to recall a fact.
"""

import hashlib

from . import facts
from .grammar import Expander, fix_articles, fix_capitals, join_list
from .lexicon import ANIMALS, BOYS, COLOURS, FOODS, GIRLS, OBJECTS, TRAITS

HELD_OUT_SHARE = 10  # one key in ten


def is_held_out(skill, key):
    digest = hashlib.sha256(f"{skill}:{key}".encode()).digest()
    return digest[0] % HELD_OUT_SHARE == 0


def phrase(rng, template, **slots):
    return Expander(rng, {name: str(value) for name, value in slots.items()}, {}).text(template)


def article(text):
    return fix_articles(fix_capitals(text))


def add(rng):
    a, b = rng.randrange(100), rng.randrange(100)
    question = phrase(rng, rng.choice([
        "{a} + {b}", "{a}+{b}", "{a} + {b} =", "What is {a} + {b}?", "What is {a}+{b}?",
        "What is {a} plus {b}?", "[Calculate|Compute|Work out] {a} + {b}[.|]", "{a} plus {b}[|?]",
        "[Add|Please add] {a} and {b}.", "What is the sum of {a} and {b}?",
        "How much is {a} [+|plus|and] {b}?", "What do you get if you add {b} to {a}?",
        "I have {a} [apples|coins|books] and get {b} more. How many do I have?",
    ]), a=a, b=b)
    return (min(a, b), max(a, b)), question, f"{a} + {b} = {a + b}"


def subtract(rng):
    b, a = sorted((rng.randrange(100), rng.randrange(100)))
    question = phrase(rng, rng.choice([
        "{a} - {b}", "{a}-{b}", "{a} - {b} =", "What is {a} - {b}?", "What is {a}-{b}?",
        "What is {a} minus {b}?", "[Calculate|Compute|Work out] {a} - {b}[.|]", "{a} minus {b}[|?]",
        "[Subtract|Take] {b} from {a}.", "How much is {a} [-|minus|less] {b}?",
        "What is the difference between {a} and {b}?",
        "I have {a} [apples|coins|books] and give away {b}. How many are left?",
    ]), a=a, b=b)
    return (a, b), question, f"{a} - {b} = {a - b}"


def compare(rng):
    a, b = rng.sample(range(100), 2)
    larger = rng.random() < 0.5
    word = "[bigger|larger|greater|more]" if larger else "[smaller|less|lower]"
    question = phrase(rng, rng.choice([
        f"Which [number |]is {word}, {{a}} or {{b}}?", f"Which is {word}: {{a}} or {{b}}?",
        f"What is {word}, {{a}} or {{b}}?", f"{{a}} or {{b}}, which [one |]is {word}?",
        f"Which of {{a}} and {{b}} is {word}?",
    ]), a=a, b=b)
    return (min(a, b), max(a, b)), question, str(max(a, b) if larger else min(a, b))


def sort_numbers(rng):
    numbers = rng.sample(range(100), rng.choice([3, 3, 4]))
    down = rng.random() < 0.3
    how = rng.choice([" in descending order", " from large to small", " from largest to smallest"]) \
        if down else rng.choice(["", " in ascending order", " from small to large",
                                 " from smallest to largest"])
    listed = rng.choice([", ".join(map(str, numbers)), join_list([str(n) for n in numbers])])
    question = phrase(rng, rng.choice([
        "[Sort|Order|Please sort] [these numbers|the numbers|]{how}: {n}",
        "[Sort|Order|Put] {n}{how}.", "Can you sort {n}{how}?",
    ]), n=listed, how=how).replace(" :", ":").replace("  ", " ")
    if question.startswith("Put") and not how:
        question = question.replace(".", " in order.")
    answer = ", ".join(map(str, sorted(numbers, reverse=down)))
    return tuple(sorted(numbers)), question, answer


CONSONANTS = "BCDFGHKLMNPRSTVWZ" * 3 + "JQXY"
VOWELS = "AEIOU"
REAL_WORDS = sorted({word.upper() for word in (
    *ANIMALS, *OBJECTS, *COLOURS, *FOODS, *TRAITS, *facts.OPPOSITES, *facts.JOBS, *facts.ONES, *facts.TENS,
    *GIRLS, *BOYS) if word.isalpha()})


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
    word = any_word(rng, 3, 8)
    if rng.random() < 0.45:  # else a letter three times would be too rare to learn
        repeated = rng.choice(word)
        word = "".join(repeated if rng.random() < 0.3 else c for c in word)
    letter = rng.choice(word) if rng.random() < 0.85 else rng.choice(CONSONANTS + VOWELS)
    count = word.count(letter)
    question = phrase(rng, rng.choice([
        'How many times does the letter {l} appear in [the word |]"{w}"?',
        "How many times does [the letter |]{l} [appear|occur] in {w}?",
        "How many {l} are [there |]in [the word |]{w}?", "How often is [the letter |]{l} in {w}?",
        'Count the letter {l} in ["{w}"|{w}].', "How many letters {l} does {w} have?",
    ]), l=letter, w=word)
    times = "time" if count == 1 else "times"
    return word, question, f"The letter {letter} appears {count} {times}."


def reverse_word(rng):
    word = any_word(rng, 3, 6)
    question = phrase(rng, rng.choice([
        "[Reverse|Please reverse] [the word |]{w}[.|]", 'Reverse "{w}".',
        "[Write|Spell|Say] [the word |]{w} backwards[.|]", "What is {w} backwards?",
        'What is "{w}" spelled backwards?', "Can you reverse [the word |]{w}?",
    ]), w=word)
    return word, question, word[::-1]


def number_to_words(rng):
    n = rng.randrange(1000) if rng.random() < 0.8 else rng.randrange(100)
    question = phrase(rng, rng.choice([
        "[Write|Say|Spell] {n} in words[.|]", "How do you [write|say|spell] {n}[| in words]?",
        "What is {n} in words?", "{n} in words[|, please][|.]", "Write the number {n} in words.",
    ]), n=n)
    return n, question, facts.number_words(n)


def words_to_number(rng):
    n = rng.randrange(1000) if rng.random() < 0.8 else rng.randrange(100)
    question = phrase(rng, rng.choice([
        "[Write|Give me] {n} [in digits|as a number|in figures][.|]", "What number is {n}?",
        "What is {n} [in digits|as a number|in figures]?", "Which number is {n}?",
        "{n} [in digits|as a number][|, please][|.]",
    ]), n=facts.number_words(n))
    return n, question, str(n)


def weekday(rng):
    today, n = rng.randrange(7), rng.randint(1, 7)
    back = rng.random() < 0.4
    days = "{n} day" if n == 1 else "{n} days"
    if rng.random() < 0.2:
        n = 1
        ask = "[What|Which] day [comes|is] [right before|before] {d}?" if back else \
            "[What|Which] day [comes|is] [right after|after|next after] {d}?"
    elif back:
        ask = rng.choice([
            f"[What|Which] day [is|comes|was] {days} before {{d}}?",
            f"[If today is|Today is|It is] {{d}}[,|.] [what|which] day was it {days} ago?",
        ])
    else:
        ask = rng.choice([
            f"[What|Which] day [is|comes] {days} after {{d}}?",
            f"[If today is|Today is|It is] {{d}}[,|.] [what|which] day [is it|will it be] in {days}?",
            f"[What|Which] day is it {days} from {{d}}?",
        ])
    question = phrase(rng, ask, n=n, d=facts.WEEKDAYS[today])
    return question, question, facts.WEEKDAYS[(today + (-n if back else n)) % 7]


def capital(rng):
    country, city = rng.choice(list(facts.CAPITALS.items()))
    question = phrase(rng, rng.choice([
        "[|Please tell me: |Hello! |Quick question: ]What is the capital [city |]of {c}[?|]",
        "[Which|What] city is the capital of {c}?", "[The |]Capital of {c}[?|]",
        "[Tell me|Name|Give me|Say|Please name] the capital [city |]of {c}[.|]",
        "[What is|Tell me|Name] {c}'s capital [city|]?", "Do you know the capital [city |]of {c}?",
        "[And what|What] about the capital of {c}?", "I want to know the capital of {c}.",
    ]), c=country).replace(" ?", "?")
    return question, question, f"The capital of {country} is {city}."


def young_animal(rng):
    animal, young = rng.choice(list(facts.YOUNG.items()))
    question = phrase(rng, rng.choice([
        "[|Please tell me: |Hello! |Quick question: ]What is a [young|baby] {a} called[?|]",
        "What do you call a [young|baby] {a}[?|]", "How do you call [the young of a|a young|a baby] {a}[?|]",
        "[Tell me|Name|Give me] the [name|word] for a [young|baby] {a}[.|]",
        "What is the [young|baby|child] of a {a} called?", "[What|How] is the young of a {a} called?",
        "A [young|baby] {a} is called what?", "Which word means a [young|baby] {a}?",
    ]), a=animal)
    return question, question, article(f"a young {animal} is called a {young}.")


def opposite(rng):
    word, other = rng.choice(list(facts.OPPOSITES.items()))
    question = phrase(rng, rng.choice([
        "[|Please tell me: |Hello! |Quick question: ]What is the opposite of {w}[?|]",
        'What is the opposite of [the word |]"{w}"?', "[The |]Opposite of {w}[?|.|]",
        "[Tell me|Name|Give me|Say] the opposite of {w}[.|]", "Which word is the opposite of {w}?",
        "Do you know the opposite of {w}?", "[Which word|What] [means|is] the contrary of {w}?",
        "[And what|What] about the opposite of {w}?", "What is not {w}, but the opposite?",
    ]), w=word)
    return question, question, f"The opposite of {word} is {other}."


def singular(unit):
    return "century" if unit == "centuries" else unit[:-1]


def convert_unit(rng):
    large, small, factor, most = rng.choice(facts.UNITS)
    n = rng.randint(1, most)
    unit = large if n > 1 else singular(large)
    is_are = "is" if n == 1 else "are"
    question = phrase(rng, rng.choice([
        f"How many {small} are [in |]{{n}} {unit}[?|]", f"[What is|What are] {{n}} {unit} in {small}[?|]",
        f"[Convert|Please convert|Change] {{n}} {unit} [to|into] {small}[.|]",
        f"{{n}} {unit} in {small}[?|]", f"How many {small} [make|do] {{n}} {unit}[| make]?",
        f"How many {small} do {{n}} {unit} have?", f"Write {{n}} {unit} in {small}.",
    ]), n=n)
    return question, question, f"{n} {unit} {is_are} {n * factor} {small}."


def person_name(rng):
    """A known name or, mostly, a made-up one: copying is the skill, not knowing names."""
    if rng.random() < 0.35:
        return rng.choice(GIRLS + BOYS)
    return any_word(rng, 3, 7).capitalize()


def extract_json(rng):
    name, age = person_name(rng), rng.randint(2, 99)
    city, job = rng.choice(list(facts.CAPITALS.values())), rng.choice(facts.JOBS)
    text = phrase(rng, rng.choice([
        "{n} is {a} years old and lives in {c}.", "{n} lives in {c} and is {a} years old.",
        "{n}, who is {a} years old, works as a {j} in {c}.", "{n} is a {j} from {c}, aged {a}.",
        "In {c} lives a {j} called {n}, who is {a} years old.", "My name is {n}. I am {a} years old and live in {c}.",
        "My friend {n} is {a}. {n} is a {j} in {c}.", "{n} ({a}) is a {j} and lives in {c}.",
    ]), n=name, a=age, c=city, j=job)
    values = {"name": f'"{name}"', "age": str(age), "city": f'"{city}"'}
    if f" {job} " in f" {text.replace(',', ' ').replace('.', ' ')} ":
        values["job"] = f'"{job}"'
    fields = rng.sample(list(values), rng.choice([1, 2, 2, 3]))
    question = phrase(rng, rng.choice([
        "[Extract|Give me|Write|Get] the {f} as JSON: {t}", "[Extract|Get] the {f} from this text as JSON: {t}",
        "{t} [Extract|Give me|Write] the {f} as JSON.", "Put the {f} into JSON: {t}",
    ]), f=join_list(fields), t=text)
    answer = "{" + ", ".join(f'"{field}": {values[field]}' for field in fields) + "}"
    return (name, age // 10), question, answer


def from_table(table):
    def skill(rng):
        answer = rng.choice(list(table))
        question = phrase(rng, table[answer])
        if rng.random() < 0.2:
            question = question[0].lower() + question[1:]
        return question, question, answer
    return skill


def unknown(rng):
    kind = rng.random()
    if kind < 0.15:
        question = phrase(rng, "[What is|Tell me|Do you know] the capital of {c}?",
                          c=any_word(rng, 4, 8).capitalize() + rng.choice(["", "", "ia", "land", "stan"]))
    else:
        t, u = rng.sample(facts.UNKNOWN_TOPICS, 2)
        question = phrase(rng, rng.choice(facts.UNKNOWN_FORMS), t=t, u=u)
    if rng.random() < 0.2:
        question = question[0].lower() + question[1:]
    return question, question, "I don't know."


# skill: (function, share of the chat turns)
SKILLS = {
    "add": (add, 14), "subtract": (subtract, 13), "compare": (compare, 6), "sort": (sort_numbers, 8),
    "count letters": (count_letters, 10), "reverse": (reverse_word, 10),
    "number to words": (number_to_words, 4), "words to number": (words_to_number, 4),
    "weekday": (weekday, 5), "capital": (capital, 5), "young animal": (young_animal, 3),
    "opposite": (opposite, 4), "unit": (convert_unit, 6), "json": (extract_json, 8),
    "greeting": (from_table(facts.GREETINGS), 3), "identity": (from_table(facts.IDENTITY), 3),
    "unknown": (unknown, 7),
}


def example(rng, skill, held_out):
    """(question, answer) of a skill, from its held-out part or from the other."""
    make = SKILLS[skill][0]
    while True:
        key, question, answer = make(rng)
        if is_held_out(skill, key) == held_out:
            return question, answer
