"""Story shapes about courage, honesty and pride.

Their form is explained in `__init__.py`.
"""

from .. import lexicon as words
from .opening import OPENING

FEAR = {
    "about": ["brave {H.kind}", "{H.kind} who was afraid of {fear}", "courage", "being brave"],
    "moral": [
        "being brave means to be afraid and to go on all the same.",
        "courage grows when somebody needs you.",
        "fear gets smaller when you look at it.",
    ],
    "beats": [
        OPENING,
        [
            (
                "{H} was afraid of {fear}. {when}, {H.he} [hid under the bed|shook like a leaf|ran"
                " home|shut {H.his} eyes]."
            ),
            (
                "there was only one thing that {H} feared, and that was {fear}. {when}, {H.his}"
                " knees went weak."
            ),
            (
                "everyone knew that {H} was afraid of {fear}. The others laughed {when}, because"
                " {H} always ran away."
            ),
        ],
        [
            None,
            '"It is no shame to be afraid," the {S.kind} told {H.him}. "One day you will see."',
            '"I wish I were brave," {H.he} often thought.',
        ],
        [
            "{H} had a friend, {F.intro}. {@morning} the two of them went to {go}.",
            "{@morning} {H} and {H.his} friend, {F.intro}, were playing {at}.",
            "{H.his} best friend was {F.intro}. {@morning} they went out to look for {fruit}.",
        ],
        [
            (
                "{@weather}Suddenly {F} [slipped|fell] and [hurt {F.his} leg|could not get up|was"
                ' stuck {hide}]. "Help me!" cried {F}.'
            ),
            "{@weather}Then it happened: {F} got lost {hide} and called for help.",
            (
                '{F} climbed on an old wall, and a stone fell. Now {F} was stuck {hide}. "{H.name},'
                ' help!" {F.he} shouted.'
            ),
        ],
        [
            (
                "there was nobody else. But to reach {F}, {H} had to face {fear}. {H.his} heart"
                " beat [fast|loudly|like a drum]."
            ),
            (
                "{H} looked around. No one else was near, and the way to {F} meant {fear}. {H}"
                " stood still for a moment."
            ),
            (
                'the thing {H} feared most, {fear}, lay between them. "I cannot do it," {H.he}'
                " thought."
            ),
        ],
        [
            (
                '"I am afraid," {H} whispered, "but {F} needs me." {H.He} took a deep breath and'
                " went, step by step."
            ),
            (
                "then {H.he} thought of {H.his} friend. {H} counted to three and [ran|went]"
                " straight on."
            ),
            (
                '{H} sang a song to keep up {H.his} courage. "One more step," {H.he} told'
                ' {H.himself}, "and one more."'
            ),
        ],
        [
            (
                'at last {H.he} reached {F} and pulled {F.him} [out|up|free]. "You came!" said {F}.'
                ' "And you were not afraid!" "I was," said {H}, "but I came all the same."'
            ),
            '{H} took {F} by the hand and brought {F.him} home. "You saved me," said {F}.',
            "soon {F} was safe. The two of them sat down and laughed, because it was over.",
        ],
        [
            "after that nobody laughed at {H} any more.",
            "the whole village heard of it, and {S} gave {H.him} a {O.full}.",
            "{H} was still a little afraid of {fear}, but {H.he} never ran away again.",
            "{@home_again}",
        ],
    ],
}

TRUTH = {
    "objects": words.FRAGILE_OBJECTS,
    "about": [
        "broken {O}",
        "lie",
        "telling the truth",
        "{H.kind} who told a lie",
        "honest {H.kind}",
    ],
    "moral": [
        "the truth is hard to say but easy to live with.",
        "a lie is heavy, and the truth is light.",
        "it is better to tell the truth at once.",
    ],
    "beats": [
        OPENING,
        [
            (
                "next door lived {S.name}, the {S.kind}, who had a {O.full}. {S.He} was very proud"
                " of it."
            ),
            (
                "{H} often visited {S.name}, the {S.kind}. {at} {S.he} kept a {O.full} that nobody"
                " was allowed to touch."
            ),
            (
                '{S.name}, the {S.kind}, once lent {H.him} a {O.full}. "Take good care of it," said'
                " {S}."
            ),
        ],
        [
            (
                "{@morning} {H} [played with the {O}|wanted to look at the {O}|took the {O} in"
                " {H.his} hands], and it [fell to the ground|slipped and fell]. It broke in two."
            ),
            (
                "{@morning} {H} ran through the room too fast. Crash! The {O} lay on the floor in"
                " pieces."
            ),
            "{@morning} {H} threw a stone for fun. It hit the {O}, and the {O} broke.",
        ],
        [
            (
                "{H} was frightened. {H.He} [hid the pieces {hide}|put the pieces {hide} and ran"
                " away]."
            ),
            "nobody had seen it. Quickly {H} pushed the pieces {hide}.",
        ],
        [
            (
                'when {S} came home, {S.he} asked, "Who broke my {O}?" "It was {F.name}, the'
                ' {F.kind}!" said {H}.'
            ),
            (
                '"Do you know where my {O} is?" asked {S}. {H} went red. "I think {F.intro} took'
                ' it," {H.he} said.'
            ),
            (
                '"What happened to my {O}?" {S} asked in the evening. "The wind did it," said {H}.'
                ' "Or perhaps {F.name}, the {F.kind}."'
            ),
        ],
        [
            (
                "so {F} had to [sweep the yard|stay at home|carry water all day], though {F.he} had"
                " done nothing wrong. {F} was {@sad}."
            ),
            '{S} was angry with {F}. "But I did not do it," said {F}, and nobody believed {F.him}.',
        ],
        [
            "that night {H} could not sleep. {H.He} turned from side to side and thought of {F}.",
            "{H} could not eat {H.his} supper. Even the {food} tasted of nothing.",
            "{H} watched {F} from the window. {H.his} heart felt as heavy as a stone.",
        ],
        [
            (
                'in the morning {H} went to {S}. "I broke your {O}," {H.he} said, "and I told a'
                ' lie. I am sorry."'
            ),
            (
                'at last {H.he} could not bear it any longer. "It was me," {H.he} told {S}. "^{F}'
                ' did nothing."'
            ),
        ],
        [
            (
                '{S} was silent for a while. "It was wrong to lie," {S.he} said, "but it was brave'
                ' to tell me."'
            ),
            '"A {O} can be mended," said {S}, "and so can a lie, if you stop it in time."',
        ],
        [
            (
                "{H} asked {F} to forgive {H.him}, and {F} did. Together they mended the {O} with"
                " glue."
            ),
            "{H} worked for {S} until the {O} was paid for, and {F} came to help {H.him}.",
            "then {H} gave {F} the best thing {H.he} had, and they were friends again.",
        ],
        [None, "{@home_again}"],
    ],
}

CONTEST = {
    "about": [
        "contest",
        "{contest}",
        "{H.kind} who wanted to win",
        "proud {F.kind} and a patient {H.kind}",
    ],
    "moral": [
        "slow and steady often wins.",
        "pride makes the feet heavy.",
        "a kind heart is worth more than a prize.",
        "practice does more than boasting.",
    ],
    "beats": [
        OPENING,
        [
            (
                "every year there was a {contest}. Who wanted to win had to {task}. The prize was a"
                " {O.full}."
            ),
            (
                '{@morning} the {S.kind} called everyone together. "There will be a {contest},"'
                ' {S.he} said. "You must {task}. The winner gets a {O.full}."'
            ),
        ],
        [
            '{F.intro} [boasted|said loudly], "I shall win. Nobody can {verb} as well as I can."',
            '"I am the best of all," said {F.name}, the {F.kind}. "The {O} is as good as mine."',
            "everyone thought that {F.intro} would win, and {F} thought so too.",
        ],
        [
            "{H} said nothing. {H.He} practised every [morning|evening], even in the rain.",
            (
                '"May I try it too?" asked {H}. The others laughed, but {H} did not mind and'
                " practised day after day."
            ),
            "{H} could not {verb} very well yet, but {H.he} tried again and again.",
        ],
        [
            "at last the day came. {@weather}Everyone stood {at} and [cheered|waited|clapped].",
            "on the day of the {contest} the whole village came. {@weather}",
        ],
        [
            (
                '{F} was far ahead at first. "There is plenty of time," {F.he} thought, and {F.he}'
                " stopped to eat some {food}."
            ),
            (
                "{F} began so [fast|wildly] that {F.he} was soon tired. {F.He} lay down {hide} and"
                " fell asleep."
            ),
            (
                "{F} looked back to laugh at the others, and so {F.he} fell [into the mud|over a"
                " stone]."
            ),
        ],
        [
            (
                "{H} kept on, [little by little|steadily|without a stop]. When {F} noticed it, it"
                " was too late: {H} had won!"
            ),
            (
                "meanwhile {H} did {H.his} best and never looked around. In the end {H.he} was the"
                " first."
            ),
            (
                "{H} saw that {F} was in trouble and stopped to help. Then they went on together"
                " and finished side by side."
            ),
        ],
        [
            (
                'the {S.kind} gave {H} the {O}. "Well done," said {F} quietly. "You'
                ' [earned|deserved] it."'
            ),
            (
                'everybody cheered, and {H} held up the {O}. "Next time let us practise together,"'
                " {H.he} said to {F}."
            ),
            (
                "{F} was ashamed at first. But {H} shared the prize with {F.him}, and so both were"
                " {@happy}."
            ),
        ],
        [None, "{@home_again}"],
    ],
}
