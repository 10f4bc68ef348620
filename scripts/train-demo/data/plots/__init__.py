"""The story shapes. Each is a list of beats; a beat is a list of ways to tell it, and one with None
may be left out. "about" are topics (without their article) that a user may ask for, "objects" the
things that suit the shape.

Slots: {H} hero, {F} friend, {S} a grown-up, {O} an object, and strings that `stories.py` fills in:
{region}, {go} and {at} (a place with "to" and with its own preposition), {hide}, {food}, ...
"""

from .character import CONTEST, FEAR, TRUTH
from .finding import LOST_THING, LOST_WAY, WISH
from .friends import NEWCOMER, QUARREL, SHARING
from .work import KINDNESS, PLANT, PROJECT, WINTER

PLOTS = [
    LOST_THING,
    SHARING,
    FEAR,
    TRUTH,
    CONTEST,
    PROJECT,
    NEWCOMER,
    PLANT,
    WISH,
    LOST_WAY,
    QUARREL,
    KINDNESS,
    WINTER,
]
