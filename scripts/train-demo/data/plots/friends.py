"""Story shapes about friends: sharing, a quarrel, somebody new.

Their form is explained in `__init__.py`.
"""

from .. import lexicon as words
from .opening import OPENING

SHARING = {
    "about": ["{H.kind} who did not share", "sharing", "{H.kind} and {food}", "greedy {H.kind}"],
    "moral": [
        "sharing makes everything taste better.",
        "the one who gives is richer than the one who keeps.",
        "a full basket is no use without a friend.",
    ],
    "beats": [
        OPENING,
        [
            "{@morning} {H} found a big basket of {food} {at}.",
            "{@morning} the {S.kind} gave {H.him} a whole basket of {food}.",
            "{H} loved {food}. {@morning} {H.he} gathered more of them than {H.he} could carry.",
        ],
        [
            '"These are all mine," {H.he} said. "I will not give any of them away."',
            "{H} hid them {hide}, so that nobody would ask for some.",
            '"I will eat them all by myself," thought {H}, and {H.he} sat down {hide}.',
        ],
        [
            (
                '{F.intro} [passed by|came by]. "I have not eaten all day," said {F}. "May I have'
                ' one?" "No," said {H}, "[I need them myself|they are mine|go and find your own]!"'
                " {F} went away {@sad}."
            ),
            (
                'soon {F.intro} came along and looked at the {food}. "[They smell so good|How good'
                ' they look]!" said {F}. But {H} turned {H.his} back. {F} said nothing and'
                " walked on."
            ),
        ],
        [
            None,
            "{@weather}",
            (
                'the {S.kind} saw it and shook {S.his} head. "One day you will need a friend,"'
                " {S.he} said."
            ),
        ],
        [
            (
                "{H} ate and ate until {H.his} stomach hurt. {H.He} lay on the ground and groaned."
                " Nobody was there to help."
            ),
            (
                "in the night a storm came and blew the rest of the {food} into the river. In the"
                " morning {H} had nothing left."
            ),
            (
                'on the way home {H} fell into a deep [hole|ditch] and could not climb out. "Help!"'
                " {H.he} called."
            ),
            (
                "but alone, the {food} did not taste as good as {H.he} had thought. {H} felt {@sad}"
                " and did not know why."
            ),
        ],
        [
            (
                "it was {F} who [heard {H.him} and came back|came to see how {H.he} was|found"
                " {H.him}]. {F} was not angry. {F.He} helped {H} and [stayed until evening|brought"
                " {H.him} a cup of warm tea|gave {H.him} half of {F.his} last piece of bread]."
            ),
            (
                "then {F} came back along the path. {F.He} saw that {H} was in trouble and helped"
                " at once."
            ),
        ],
        [
            '{H} was ashamed. "I am sorry," {H.he} said. "I was greedy. Tomorrow we will share."',
            (
                '"Why are you so kind to me?" asked {H}. "Because you need it," said {F}. Then {H}'
                " {@looked} for the best of {H.his} {food} and gave them to {F}."
            ),
            '"I was wrong," said {H}. "From now on, half of what I have is yours."',
        ],
        [
            (
                "the next day they sat {at} and ate {food} together. Never had anything tasted so"
                " good."
            ),
            "{@home_again}",
            "since then {H} has always kept a place at {H.his} table for a guest.",
        ],
    ],
}

QUARREL = {
    "objects": words.FRAGILE_OBJECTS,
    "about": ["quarrel", "{H.kind} and a {F.kind}", "two friends", "saying sorry", "{O}"],
    "moral": [
        "one small word, sorry, can mend a big quarrel.",
        "a friend is worth more than being right.",
        "no {O} is worth a quarrel.",
    ],
    "beats": [
        OPENING,
        [
            "{H.his} best friend was {F.intro}. They [did everything together|met every day {at}].",
            "{F.intro} lived in the same place. {H} and {F} were the best of friends.",
        ],
        [
            (
                '{@morning} they found a {O.full} {hide}. "I saw it first!" cried {H}. "No, I did!"'
                " shouted {F}."
            ),
            (
                '{@morning} both wanted to have the {O.full} that the {S.kind} had made. "It is'
                ' mine!" said {H}. "Mine!" said {F}.'
            ),
        ],
        [
            (
                'they pulled from both sides, and the {O} broke. "That was your fault!" said {F},'
                " and {F.he} ran away."
            ),
            (
                '"I will never play with you again," said {H}. "Good!" said {F}. And each went home'
                " alone."
            ),
        ],
        [
            "{@weather}The next day {H} played alone {at}. It was not much fun.",
            "{H} sat in {H.his} room. {H.He} had nobody to talk to and was {@sad}.",
            (
                "a day went by, and another one. {H} saw a {colour} bird and wanted to tell {F}"
                " about it, but {F} was not there."
            ),
        ],
        [
            (
                '"Why do you look so unhappy?" the {S.kind} {@asked}. {H} told {S.him} everything.'
                ' "Which would you rather keep," asked {S}, "the {O} or the friend?"'
            ),
            "at the same time {F} was sitting at home and thinking of {H}.",
        ],
        [
            (
                "{H} [jumped up|thought for a moment] and ran to {F}. Halfway they met, for {F} was"
                ' on {F.his} way too. "I am sorry," both said at the same time, and they laughed.'
            ),
            (
                '{H} took some {food} and knocked at the door. "I am sorry," {H.he} said. "So am'
                ' I," said {F}.'
            ),
        ],
        [
            "they mended the {O} together. On odd days it belongs to {H}, and on even days to {F}.",
            "they gave the {O} to the {S.kind}, who had never had one.",
            "now they use the {O} together, and that is twice the fun.",
        ],
        [None, "{@home_again}"],
    ],
}

NEWCOMER = {
    "about": ["new friend", "lonely {F.kind}", "making friends", "{F.kind} and a {H.kind}"],
    "moral": [
        "a friend may look different from what you expect.",
        "a kind word opens every door.",
        "nobody should be alone.",
    ],
    "beats": [
        OPENING,
        [
            (
                "{@morning} somebody new came. It was {F.intro}, who [knew nobody|spoke very"
                " little|had come from far away]."
            ),
            "{@morning} {F.intro} moved into the empty house near {go}.",
        ],
        [
            'the others did not want to play with {F}. "{F.He} is not like us," they said.',
            "everyone [stared|looked the other way] when {F} passed. {F} sat alone {at} every day.",
            (
                "{F} was too shy to say a word. {F.He} only sat {hide} and watched while the others"
                " played."
            ),
        ],
        [
            '{H} saw that {F} was {@sad}. "I would not like to be alone," {H.he} thought.',
            (
                'in the evening {H} could not stop thinking of {F}. "Somebody should say hello,"'
                " {H.he} said to {H.himself}."
            ),
        ],
        [
            (
                'the next day {H} took some {food} and went to {F}. "Would you like some?" {H.he}'
                " asked. {F} smiled for the first time."
            ),
            (
                'so {H} took {H.his} {O.full} and walked over. "Do you want to play with me?"'
                ' {H.he} asked. "Yes, very much," said {F}.'
            ),
        ],
        [
            None,
            (
                "{@weather}They talked and talked. {F} knew [many stories|funny songs|the names of"
                " all the stars]."
            ),
            (
                "{F} told {H.him} about the land where {F.he} came from, where [it never snows|the"
                " trees are blue|the sea sings at night]."
            ),
        ],
        [
            (
                'soon after, the others lost their {O} {hide}, where nobody could reach it. "I can'
                ' get it," said {F}, and {F.he} did.'
            ),
            (
                "then one night there was a fire {at}. {F} was the first to see it and called"
                " everyone. So all were saved."
            ),
            (
                "when winter came, it was {F} who showed the others how to [make a fire|find food"
                " in the snow|build a warm hut]."
            ),
        ],
        [
            '"We were wrong," said the others. "Please play with us, {F.name}." And {F} did.',
            (
                "from that day on everyone wanted to sit beside {F}. But {F} always kept the best"
                " place for {H}."
            ),
            "now nobody asked any more where {F} came from.",
        ],
        ["{@home_again}", None],
    ],
}
