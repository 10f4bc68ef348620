"""Chat skills with exact answers.

Every skill is a function of a random generator that gives (key, question, answer). The key decides
by its hash whether the example is for training or held out for the evaluation: the operands or the
word where the skill is to generalise over them, the whole question where it is to recall a fact.
"""

import hashlib

from . import facts, number_skills, recall_skills, word_skills

HELD_OUT_SHARE = 10  # one key in ten


def is_held_out(skill, key):
    digest = hashlib.sha256(f"{skill}:{key}".encode()).digest()
    return digest[0] % HELD_OUT_SHARE == 0


# skill: (function, share of the chat turns)
SKILLS = {
    "add": (number_skills.add, 24),
    "subtract": (number_skills.subtract, 24),
    "compare": (number_skills.compare, 4),
    "sort": (number_skills.sort_numbers, 14),
    "count letters": (word_skills.count_letters, 12),
    "reverse": (word_skills.reverse_word, 7),
    "number to words": (number_skills.number_to_words, 6),
    "words to number": (number_skills.words_to_number, 4),
    "weekday": (recall_skills.weekday, 5),
    "capital": (recall_skills.capital, 5),
    "young animal": (recall_skills.young_animal, 2),
    "opposite": (recall_skills.opposite, 4),
    "unit": (number_skills.convert_unit, 5),
    "json": (word_skills.extract_json, 10),
    "greeting": (recall_skills.from_table(facts.GREETINGS), 2),
    "identity": (recall_skills.from_table(facts.IDENTITY), 3),
    "unknown": (recall_skills.unknown, 7),
}


def example(rng, skill, held_out):
    """(question, answer) of a skill, from its held-out part or from the other."""
    make = SKILLS[skill][0]
    while True:
        key, question, answer = make(rng)
        if is_held_out(skill, key) == held_out:
            return question, answer
