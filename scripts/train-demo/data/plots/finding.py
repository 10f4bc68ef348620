"""Story shapes about things and ways that are lost and found.

Their form is explained in `__init__.py`.
"""

from .. import lexicon as words
from .opening import OPENING

LOST_THING = {
    "objects": words.SMALL_OBJECTS,
    "about": ["lost {O}", "{O}", "{H.kind} and a lost {O}", "good deed", "thing that was lost"],
    "moral": [
        "what is lost can be found with the help of a friend.",
        "honest people keep nothing that is not theirs.",
        "a good friend is worth more than any {O}.",
    ],
    "beats": [
        OPENING,
        [
            (
                "{H} had a {O.full} that {H.he} loved [very much|more than anything else|with all"
                " {H.his} heart]."
            ),
            (
                "{H.his} [grandfather|aunt|mother] had once given {H.him} a {O.full}, and {H} took"
                " it everywhere."
            ),
            "on {H.his} birthday {H} got a {O.full}. It was {H.his} greatest treasure.",
            "{H.he} owned only one precious thing, a {O.full}.",
        ],
        [
            (
                "{@morning} the {O} was gone. {H} {@looked} [in every corner|high and low|all over"
                " the place], but {H.he} could not find it."
            ),
            "{@morning}, when {H} came back from {go}, {H.his} pocket was empty. The {O} was gone!",
            "but {@morning} {H} lost the {O} somewhere {at}.",
            (
                "{@morning} {H} played {at}, and when it was time to go home, the {O} was not there"
                " any more."
            ),
        ],
        [
            "{H} was {@sad}. {H.He} sat down and [cried|sighed|hung {H.his} head].",
            (
                '"[My {O}!|Oh no!|What shall I do?]" [cried|said] {H}. Big tears ran down {H.his}'
                " face."
            ),
            "{H} felt {@sad}. Without the {O} the day seemed [grey|long|empty].",
        ],
        [None, "{@weather}", "first {H} asked the {S.kind}, but the {S.kind} had not seen it."],
        [
            (
                'then {F.intro} came by. "Why are you [sad|crying|so quiet]?" asked {F}. "I have'
                ' lost my {O}," said {H}. "[Then let us look for it|I will help you|Do not worry,'
                ' we will find it]," said {F}.'
            ),
            (
                '{F.intro} heard {H.him} and came closer. "What is the matter?" {F.he} {@asked}. '
                '{H} told {F.him} about the {O}. "Two can see more than one," said {F}. "Come!"'
            ),
            (
                '{H} had a friend, {F.intro}. "Where did you see it last?" asked {F}. '
                '"^{at}," said {H}. "Then we will start there," said {F}.'
            ),
        ],
        [
            (
                "they {@looked} behind every tree and asked everyone they met. The {S.kind} had"
                " seen nothing. At last {F} pointed at something that shone {hide}."
            ),
            (
                "together they {@walked} back to {go}. They {@looked} for [an hour|a long time|the"
                ' whole afternoon]. Then {F} [shouted|called], "Here it is!" The {O} lay {hide}.'
            ),
            (
                "step by step they went back along the path. {hide}, {F} saw something"
                " [small|strange|bright]. It was the {O}!"
            ),
            "{F} thought for a while. Then {F.he} looked {hide}, and there was the {O}.",
        ],
        [
            (
                '{H} was {@happy}. "[Thank you|Thank you so much|You are wonderful]," {H.he} said. '
                '"That is what friends are for," said {F}.'
            ),
            (
                "{H} [jumped for joy|danced in a circle|hugged {F}]. To thank {F.him}, {H.he}"
                " shared {H.his} {food} with {F.him}."
            ),
            '"You are a true friend," said {H}. {F} only {@smiled}.',
        ],
        [
            "{@home_again}",
            "since that day {H} has tied the {O} to a string.",
            "{H} put the {O} in a safe place and never lost it again.",
        ],
    ],
}

LOST_WAY = {
    "about": [
        "{H.kind} who got lost",
        "finding the way home",
        "{H.kind} lost in the fog",
        "kind {F.kind}",
    ],
    "moral": [
        "ask for help when you need it.",
        "kindness shows the way.",
        "listen to those who know the way.",
    ],
    "beats": [
        OPENING,
        [
            (
                '"Do not go too far from home," the {S.kind} had told {H.him}. But {@morning} {H}'
                " followed a [butterfly|bird|rainbow|strange sound]."
            ),
            (
                "{@morning} {H} went out to gather {fruit}. {H.He} did not look where {H.he} was"
                " going."
            ),
        ],
        [
            (
                "{@weather}When {H} looked up, {H.he} did not know where {H.he} was. All the paths"
                " looked the same."
            ),
            "fog came down, white and thick. {H} could not see the path any more.",
            (
                "it grew dark. {H} turned left, and then right, but {H.he} could not find the way"
                " home."
            ),
        ],
        [
            '{H} was {@sad} and cold. "Is anybody there?" {H.he} called. Only an echo answered.',
            "{H} sat down {hide} and listened. Something moved in the leaves.",
        ],
        [
            (
                'it was {F.intro}. "Are you lost?" asked {F}. "Yes," said {H}. "I want to go home'
                ' to my {home}."'
            ),
            (
                'out came {F.intro}. "Do not be afraid," said {F}. "I know every stone here. Where'
                ' do you live?" "[Near|Not far from] {go}," said {H}.'
            ),
        ],
        [
            (
                '"Follow the [stream|bright star|sound of the bells]," said {F}. "I will come with'
                ' you." So they walked side by side.'
            ),
            (
                "{F} took {H} by the hand. They crossed a stream and climbed a hill, and {F} told"
                " {H.him} a story on the way."
            ),
            (
                "{F} shared some {food} with {H.him} and made a light with {F.his} {O}. Then they"
                " set out together."
            ),
        ],
        [
            (
                "at last they saw a light. It was {H.his} home! {S.name}, the {S.kind}, was"
                " standing at the gate with a lamp."
            ),
            'behind the last hill {H} saw smoke from a chimney. "I am home!" {H.he} cried.',
        ],
        [
            '{H} thanked {F}. "Come and see me whenever you like," {H.he} said.',
            '"How can I thank you?" asked {H}. "Help the next one who is lost," said {F}.',
            "{F} was asked to stay for supper, and there were {food} for everyone.",
        ],
        [
            None,
            "{@home_again}",
            "from then on {H} always [marked the path with stones|looked back at the path].",
        ],
    ],
}

WISH = {
    "objects": words.SMALL_OBJECTS,
    "about": ["wish", "magic {O}", "{H.kind} who found a magic {O}", "three wishes"],
    "moral": [
        "think before you wish.",
        "the best things cannot be wished for.",
        "the things we need are often those we have.",
    ],
    "beats": [
        OPENING,
        [
            (
                '{@morning} {H} found a {O.full} {hide}. {H.He} rubbed it, and a voice said, "You'
                ' have [one wish|three wishes]."'
            ),
            (
                '{@morning} {H} helped {S.name}, the {S.kind}, to carry wood. "Take this {O}," said'
                ' {S}. "It is magic and grants wishes."'
            ),
        ],
        [
            (
                '"I wish for a mountain of {food}!" cried {H}. At once there were {food}'
                " everywhere, [on the floor|on the chairs|up to the roof]."
            ),
            (
                '"I wish to be as big as a house!" said {H}. And so it was. {H} grew and grew until'
                " {H.he} did not fit through the door."
            ),
            '"I wish that everything I touch turns {colour}!" said {H}. And so it was.',
            '"I wish that it never gets dark!" said {H}. And from then on the sun did not set.',
        ],
        [
            "at first {H} was {@happy}. But after [a day|a week|an hour] it was no fun any more.",
            (
                "that was nice for a while. Then the trouble began: [nobody could come to see"
                " {H.him}|there was no room to sleep|{H} could not rest]."
            ),
            "{H} laughed and danced. But soon {H.he} noticed that something was wrong.",
        ],
        [
            (
                '{H.his} friend, {F.intro}, came to visit. "What have you done?" asked {F}. "I do'
                ' not like it here any more." And {F} went away.'
            ),
            (
                '"Do you like it?" {H} asked {H.his} friend, {F.intro}. "No," said {F}. "I liked it'
                ' better before."'
            ),
        ],
        [
            None,
            "{@weather}{H} sat {at} and thought for a long time.",
            "{H} missed [{F}|{H.his} old life|the quiet evenings].",
        ],
        [
            (
                'then {H} took the {O} once more. "I wish that all is as it was before," {H.he}'
                " said. There was a flash, and everything was as it had been."
            ),
            (
                'so {H} went back to the {O}. "Please take it all back," {H.he} said. The voice'
                ' laughed. "That is the wisest wish of all," it said.'
            ),
        ],
        [
            "{H} put the {O} back {hide} and ran to {F}. They played until the stars came out.",
            (
                "{H} threw the {O} into the river and shared a piece of bread with {F}. It tasted"
                " wonderful."
            ),
            "{H} gave the {O} away, and {H.he} was {@happy} without it.",
        ],
        [None, "{@home_again}"],
    ],
}
