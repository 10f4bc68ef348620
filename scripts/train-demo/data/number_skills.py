"""Chat skills with numbers; their form is explained in `skills.py`."""

from . import facts
from .grammar import join_list, phrase


def add(rng):
    a, b = rng.randrange(100), rng.randrange(100)
    question = phrase(
        rng,
        rng.choice(
            [
                "{a} + {b}",
                "{a}+{b}",
                "{a} + {b} =",
                "What is {a} + {b}?",
                "What is {a}+{b}?",
                "What is {a} plus {b}?",
                "[Calculate|Compute|Work out] {a} + {b}[.|]",
                "{a} plus {b}[|?]",
                "[Add|Please add] {a} and {b}.",
                "What is the sum of {a} and {b}?",
                "How much is {a} [+|plus|and] {b}?",
                "What do you get if you add {b} to {a}?",
                "I have {a} [apples|coins|books] and get {b} more. How many do I have?",
            ]
        ),
        a=a,
        b=b,
    )
    return (min(a, b), max(a, b)), question, f"{a} + {b} = {a + b}"


def subtract(rng):
    b, a = sorted((rng.randrange(100), rng.randrange(100)))
    question = phrase(
        rng,
        rng.choice(
            [
                "{a} - {b}",
                "{a}-{b}",
                "{a} - {b} =",
                "What is {a} - {b}?",
                "What is {a}-{b}?",
                "What is {a} minus {b}?",
                "[Calculate|Compute|Work out] {a} - {b}[.|]",
                "{a} minus {b}[|?]",
                "[Subtract|Take] {b} from {a}.",
                "How much is {a} [-|minus|less] {b}?",
                "What is the difference between {a} and {b}?",
                "I have {a} [apples|coins|books] and give away {b}. How many are left?",
            ]
        ),
        a=a,
        b=b,
    )
    return (a, b), question, f"{a} - {b} = {a - b}"


def compare(rng):
    a, b = rng.sample(range(100), 2)
    larger = rng.random() < 0.5
    word = "[bigger|larger|greater|more]" if larger else "[smaller|less|lower]"
    question = phrase(
        rng,
        rng.choice(
            [
                f"Which [number |]is {word}, {{a}} or {{b}}?",
                f"Which is {word}: {{a}} or {{b}}?",
                f"What is {word}, {{a}} or {{b}}?",
                f"{{a}} or {{b}}, which [one |]is {word}?",
                f"Which of {{a}} and {{b}} is {word}?",
            ]
        ),
        a=a,
        b=b,
    )
    return (min(a, b), max(a, b)), question, str(max(a, b) if larger else min(a, b))


def sort_numbers(rng):
    numbers = rng.sample(range(100), rng.choice([3, 3, 4]))
    down = rng.random() < 0.3
    how = (
        rng.choice([" in descending order", " from large to small", " from largest to smallest"])
        if down
        else rng.choice(
            ["", " in ascending order", " from small to large", " from smallest to largest"]
        )
    )
    listed = rng.choice([", ".join(map(str, numbers)), join_list([str(n) for n in numbers])])
    question = (
        phrase(
            rng,
            rng.choice(
                [
                    "[Sort|Order|Please sort] [these numbers|the numbers|]{how}: {n}",
                    "[Sort|Order|Put] {n}{how}.",
                    "Can you sort {n}{how}?",
                ]
            ),
            n=listed,
            how=how,
        )
        .replace(" :", ":")
        .replace("  ", " ")
    )
    if question.startswith("Put") and not how:
        question = question.replace(".", " in order.")
    answer = ", ".join(map(str, sorted(numbers, reverse=down)))
    return tuple(sorted(numbers)), question, answer


def number_to_words(rng):
    n = rng.randrange(1000) if rng.random() < 0.8 else rng.randrange(100)
    question = phrase(
        rng,
        rng.choice(
            [
                "[Write|Say|Spell] {n} in words[.|]",
                "How do you [write|say|spell] {n}[| in words]?",
                "What is {n} in words?",
                "{n} in words[|, please][|.]",
                "Write the number {n} in words.",
            ]
        ),
        n=n,
    )
    return n, question, facts.number_words(n)


def words_to_number(rng):
    n = rng.randrange(1000) if rng.random() < 0.8 else rng.randrange(100)
    question = phrase(
        rng,
        rng.choice(
            [
                "[Write|Give me] {n} [in digits|as a number|in figures][.|]",
                "What number is {n}?",
                "What is {n} [in digits|as a number|in figures]?",
                "Which number is {n}?",
                "{n} [in digits|as a number][|, please][|.]",
            ]
        ),
        n=facts.number_words(n),
    )
    return n, question, str(n)


def singular(unit):
    return "century" if unit == "centuries" else unit[:-1]


def convert_unit(rng):
    large, small, factor, most = rng.choice(facts.UNITS)
    n = rng.randint(1, most)
    unit = large if n > 1 else singular(large)
    is_are = "is" if n == 1 else "are"
    question = phrase(
        rng,
        rng.choice(
            [
                f"How many {small} are [in |]{{n}} {unit}[?|]",
                f"[What is|What are] {{n}} {unit} in {small}[?|]",
                f"[Convert|Please convert|Change] {{n}} {unit} [to|into] {small}[.|]",
                f"{{n}} {unit} in {small}[?|]",
                f"How many {small} [make|do] {{n}} {unit}[| make]?",
                f"How many {small} do {{n}} {unit} have?",
                f"Write {{n}} {unit} in {small}.",
            ]
        ),
        n=n,
    )
    return question, question, f"{n} {unit} {is_are} {n * factor} {small}."
