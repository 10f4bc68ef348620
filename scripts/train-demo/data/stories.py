"""Stories from a plot model: a cast that stays the same, a shape, a moral. Nothing is copied from
anywhere; every sentence comes from the templates beside this file."""

from . import lexicon as words
from .grammar import Character, Expander, Thing, fix_articles
from .plots import PLOTS
from .snippets import SNIPPETS

MORAL_LEADS = [
    "The moral of the story: {}",
    "And so we learn: {}",
    "Remember: {}",
    "{}",
    "The lesson is simple: {}",
]


def child(rng, taken):
    """A child or an animal that is not in the story yet."""
    adjective = rng.choice(words.TRAITS)
    while True:
        if rng.random() < 0.45:
            gender, names, kind = rng.choice(
                [("she", words.GIRLS, "girl"), ("he", words.BOYS, "boy")]
            )
            home = "house"
        else:
            gender = rng.choice(["he", "she"])
            names, kind = words.PET_NAMES[gender], rng.choice(list(words.ANIMALS))
            home = words.ANIMALS[kind][0]
        name = rng.choice(names)
        if name not in taken and kind not in taken:
            taken.update((name, kind))
            return Character(name, kind, gender, adjective, {"home": home})


def grown_up(rng, taken):
    kind, gender = rng.choice(words.ADULTS)
    names = words.GIRLS if gender == "she" else words.BOYS
    name = rng.choice([n for n in names if n not in taken])
    return Character(name, kind, gender, "old", {}, by_name=0)


def cast(rng, objects):
    """Everything that one story speaks about; its object is one of `objects`."""
    taken = set()
    hero, friend = child(rng, taken), child(rng, taken)
    go, at = rng.choice(words.PLACES)
    fear, when = rng.choice(words.FEARS)
    contest, task, verb = rng.choice(words.CONTESTS)
    project, material, use = rng.choice(words.PROJECTS)
    plant, plant_kind = rng.choice(words.PLANTS)
    adjectives = [rng.choice(words.LOOKS + words.COLOURS)]
    if rng.random() < 0.4:
        adjectives = [rng.choice(words.LOOKS), rng.choice(words.COLOURS)]
    return {
        "H": hero,
        "F": friend,
        "S": grown_up(rng, taken),
        "O": Thing(rng.choice(objects), *adjectives),
        "region": rng.choice(words.REGIONS),
        "go": go,
        "at": at,
        "hide": rng.choice(words.HIDING_PLACES),
        "food": rng.choice(words.FOODS),
        "fruit": rng.choice(words.FRUIT),
        "home": hero.forms["home"],
        "colour": rng.choice(words.COLOURS),
        "fear": fear,
        "when": when,
        "contest": contest,
        "task": task,
        "verb": verb,
        "project": project,
        "material": material,
        "use": use,
        "plant": plant,
        "kind": plant_kind,
    }


def story(rng):
    """One story and what it is about: (text, topic), the topic fit for "a story about ..."."""
    plot = rng.choice(PLOTS)
    slots = cast(rng, plot.get("objects", words.OBJECTS))
    expander = Expander(rng, slots, SNIPPETS)
    sentences = []
    for beat in plot["beats"]:
        template = rng.choice(beat)
        text = expander.text(template or "").strip()
        if text:
            sentences.append(text)
    if rng.random() < 0.5:
        moral = expander.text(rng.choice(plot["moral"]))
        lead = rng.choice(MORAL_LEADS)
        if lead.startswith("{") or lead.endswith(": {}"):
            sentences.append(lead.format(moral))
    return paragraphs(rng, sentences), topic(rng, plot, expander, slots)


def paragraphs(rng, sentences):
    """Joins the beats; a long story is told in two or three paragraphs."""
    style = rng.random()
    if style < 0.4:
        return " ".join(sentences)
    n_beats = len(sentences)
    breaks = {n_beats // 2} if style < 0.7 else {n_beats // 3, 2 * n_beats // 3}
    text = sentences[0]
    for at, sentence in enumerate(sentences[1:], start=1):
        text += ("\n\n" if at in breaks else " ") + sentence
    return text


def topic(rng, plot, expander, slots):
    """What a user would ask for to get this story: its hero, its object or its theme."""
    hero = slots["H"]
    choice = rng.random()
    if choice < 0.45:
        return fix_articles(f"a {rng.choice(['', hero.adjective + ' '])}{hero.kind}")
    if choice < 0.6:
        return hero.name
    phrase = expander.text("a " + rng.choice(plot["about"]))
    phrase = phrase[0].lower() + phrase[1:]
    return strip_article(phrase)


UNCOUNTABLE = (
    "sharing",
    "courage",
    "being",
    "telling",
    "working",
    "making",
    "waiting",
    "saying",
    "finding",
    "patience",
    "kindness",
    "winter",
    "two",
    "three",
)


def strip_article(phrase):
    """Drops the article before what has none: "a sharing" is "sharing"."""
    _, _, rest = phrase.partition(" ")
    return rest if rest.startswith(UNCOUNTABLE) else phrase
