"""Stories from a plot model: a cast that stays the same, a shape, a moral. Nothing is copied from
anywhere; every sentence comes from the templates beside this file."""

from . import lexicon as words
from .grammar import Character, Expander, Thing, favour_first, fix_articles
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
    adjective = favour_first(rng, words.TRAITS)
    while True:
        if rng.random() < 0.45:
            gender, names, kind = favour_first(rng, 
                [("she", words.GIRLS, "girl"), ("he", words.BOYS, "boy")]
            )
            home = "house"
        else:
            gender = favour_first(rng, ["he", "she"])
            names, kind = words.PET_NAMES[gender], favour_first(rng, list(words.ANIMALS))
            home = words.ANIMALS[kind][0]
        name = favour_first(rng, names)
        if name not in taken and kind not in taken:
            taken.update((name, kind))
            return Character(name, kind, gender, adjective, {"home": home})


def grown_up(rng, taken):
    kind, gender = favour_first(rng, words.ADULTS)
    names = words.GIRLS if gender == "she" else words.BOYS
    name = favour_first(rng, [n for n in names if n not in taken])
    return Character(name, kind, gender, "old", {}, by_name=0)


def cast(rng, objects):
    """Everything that one story speaks about; its object is one of `objects`."""
    taken = set()
    hero, friend = child(rng, taken), child(rng, taken)
    go, at = favour_first(rng, words.PLACES)
    fear, when = favour_first(rng, words.FEARS)
    contest, task, verb = favour_first(rng, words.CONTESTS)
    project, material, use = favour_first(rng, words.PROJECTS)
    plant, plant_kind = favour_first(rng, words.PLANTS)
    adjectives = [favour_first(rng, words.LOOKS + words.COLOURS)]
    if rng.random() < 0.4:
        adjectives = [favour_first(rng, words.LOOKS), favour_first(rng, words.COLOURS)]
    return {
        "H": hero,
        "F": friend,
        "S": grown_up(rng, taken),
        "O": Thing(favour_first(rng, objects), *adjectives),
        "region": favour_first(rng, words.REGIONS),
        "go": go,
        "at": at,
        "hide": favour_first(rng, words.HIDING_PLACES),
        "food": favour_first(rng, words.FOODS),
        "fruit": favour_first(rng, words.FRUIT),
        "home": hero.forms["home"],
        "colour": favour_first(rng, words.COLOURS),
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
    plot = favour_first(rng, PLOTS)
    slots = cast(rng, plot.get("objects", words.OBJECTS))
    expander = Expander(rng, slots, SNIPPETS)
    sentences = []
    for beat in plot["beats"]:
        template = favour_first(rng, beat)
        text = expander.text(template or "").strip()
        if text:
            sentences.append(text)
    if rng.random() < 0.5:
        moral = expander.text(favour_first(rng, plot["moral"]))
        lead = favour_first(rng, MORAL_LEADS)
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
        return fix_articles(f"a {favour_first(rng, ['', hero.adjective + ' '])}{hero.kind}")
    if choice < 0.6:
        return hero.name
    phrase = expander.text("a " + favour_first(rng, plot["about"]))
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
