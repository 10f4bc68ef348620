"""Story shapes about work: building, planting, getting ready for the winter.

Their form is explained in `__init__.py`.
"""

from .opening import OPENING

PROJECT = {
    "about": [
        "{project}",
        "{H.kind} who built a {project}",
        "working together",
        "two friends and a {project}",
    ],
    "moral": [
        "together we can do what nobody can do alone.",
        "many hands make light work.",
        "who does not give up will reach the goal.",
    ],
    "beats": [
        OPENING,
        [
            '{@morning} {H} had an idea. "I want to make a {project}," {H.he} said.',
            "{H} had always wished for a {project}. {@morning} {H.he} decided to make one.",
            (
                '{@morning} {H} saw a picture of a {project} in a book. "I can make that," {H.he}'
                " thought."
            ),
        ],
        [
            "{H.He} [found|gathered|collected] {material} and began to work {at}.",
            (
                "All {H.he} needed was {material}. {S.name}, the {S.kind}, gave {H.him} [some|what"
                " {H.he} asked for]."
            ),
        ],
        [
            (
                "but it was harder than {H.he} had thought. [Twice|Three times|Again and again] the"
                " {project} fell to pieces."
            ),
            "{@weather}{H} worked the whole day, but in the evening the {project} broke.",
            (
                "alone {H.he} could not hold everything at once. The {project} leaned to one side"
                " and fell."
            ),
        ],
        [
            None,
            '"[Give up|It is no use]," said the {S.kind}. "It is too hard for you."',
            "{H} was {@sad} and kicked a stone.",
        ],
        [
            (
                'then {F.intro} stopped to look. "What are you doing?" {F.he} asked. "I am making a'
                ' {project}," said {H}, "but it will not hold." "[Let me help you|I have an'
                ' idea|Four hands are better than two]," said {F}.'
            ),
            '{F.intro} had watched it all. "May I help?" asked {F}. "Yes, please!" said {H}.',
        ],
        [
            (
                "{H} held the parts, and {F} [tied|fixed|joined] them. They [sang|laughed|told"
                " jokes] while they worked."
            ),
            (
                "{F} knew how to make the parts hold, and {H} was good at"
                " [measuring|planning|painting]. So each did what {H.he} could do best."
            ),
            (
                "they worked for [two|three|four|five] days. On the last day they painted"
                " everything {colour}."
            ),
        ],
        [
            "at last the {project} was ready. Now they could {use}. {H} was {@happy}.",
            "in the end the {project} stood there, strong and fine. It could {use}.",
            '"It is done!" called {F}. The {project} was the best in the land.',
        ],
        [
            "everybody came to see it, and the {S.kind} brought {food} for all.",
            "{H} wrote two names on it: {H.name} and {F.name}.",
            "{@home_again}",
        ],
    ],
}

PLANT = {
    "about": ["{plant}", "patience", "{H.kind} who planted a seed", "waiting"],
    "moral": [
        "good things take time.",
        "patience brings the sweetest fruit.",
        "care makes things grow.",
    ],
    "beats": [
        OPENING,
        [
            (
                '{@morning} the {S.kind} gave {H.him} a seed. "If you take care of it, it will'
                ' become a {plant}," {S.he} said.'
            ),
            (
                '{@morning} {H} found a [tiny|strange|round] seed {at}. "What will it be?" {H.he}'
                " wondered."
            ),
        ],
        [
            (
                "{H} [dug a hole|made a small bed of earth] and put the seed in. {H.He} gave it"
                " water and waited."
            ),
            "{H} planted the seed in a pot by the window and watered it every [morning|evening].",
        ],
        [
            (
                "the next day {H} looked, but there was nothing. The day after there was nothing"
                " either."
            ),
            'a week went by and nothing happened. "It does not grow!" said {H}.',
        ],
        [
            (
                '"Dig it up and look," said {F.intro}, who lived next door. But {H} shook {H.his}'
                " head."
            ),
            (
                '{F.intro} laughed. "That is only a stone," said {F}. "You are wasting your time."'
                " {H} went on all the same."
            ),
            (
                '{H} asked {H.his} friend, {F.intro}. "Plants sleep before they wake," said {F}.'
                ' "Be patient."'
            ),
        ],
        [
            (
                "{@weather}{H} [pulled out the weeds|built a little fence|sang to the seed] and"
                " kept the soil wet."
            ),
            (
                "when it was cold, {H} covered the place with {H.his} scarf. When it was hot,"
                " {H.he} brought more water."
            ),
        ],
        [
            "then, {@morning}, a small green leaf came out of the ground. {H} was {@happy}.",
            'and at last there was something green. "Look, {F.name}!" cried {H}. "It lives!"',
        ],
        [
            (
                "the {kind} grew and grew, [higher than {H}|as high as the door|up to the roof]. It"
                " was a {plant}!"
            ),
            "by the end of summer a fine {plant} stood there, and bees and birds came to visit it.",
        ],
        [
            (
                '{F} came and looked. "I did not believe it," {F.he} said. "Will you teach me?" "Of'
                ' course," said {H}, and gave {F.him} a seed.'
            ),
            "{H} thanked the {S.kind} and gave {S.him} the first [fruit|flower|seeds].",
            "{@home_again}",
        ],
    ],
}

WINTER = {
    "about": [
        "winter",
        "lazy {F.kind}",
        "{H.kind} who worked hard",
        "{H.kind} and a lazy {F.kind}",
    ],
    "moral": [
        "work comes first, and then the play.",
        "think of the winter while it is summer.",
        "it is good to be ready, and better to share.",
    ],
    "beats": [
        OPENING,
        [
            "all summer long {H} worked. {H.He} gathered {fruit} and dried them in the sun.",
            (
                "{H} was never idle. While it was warm, {H.he} stored {fruit} and mended the roof"
                " of {H.his} {home}."
            ),
        ],
        [
            (
                "{H.his} neighbour was {F.intro}. {F} [lay in the sun|played the flute|danced] all"
                " day long."
            ),
            (
                "nearby lived {F.intro}, who did nothing but [sing|sleep|play] from morning till"
                " night."
            ),
        ],
        [
            (
                '"Why do you work so hard?" asked {F}. "Winter is coming," said {H}. "[Winter is'
                ' far away|There is still time]!" laughed {F}.'
            ),
            (
                '"Come and play!" called {F}. "First the work," said {H}. "You should store some'
                ' food, too." But {F} did not listen.'
            ),
        ],
        [
            (
                "the leaves turned [yellow|red|brown], and the days grew short. {H} shut the door"
                " of {H.his} full store."
            ),
            "autumn came with cold rain. {F} still had nothing at all.",
        ],
        [
            (
                "then the snow fell. {F} was hungry and cold. {F.He} {@looked} for something to eat"
                " {at}, but everything was frozen."
            ),
            (
                "one night the lake froze. {F} had no wood, no food and no warm bed. {F.He} was"
                " {@sad}."
            ),
        ],
        [
            (
                'at last {F} knocked at the door of {H}. "Please let me in," {F.he} said. "You were'
                ' right, and I was wrong."'
            ),
            '{H} saw {F} standing in the snow. "Come in before you freeze," said {H}.',
        ],
        [
            (
                '{H} gave {F} hot soup and some {food}. "You may stay," said {H}, "but in spring'
                ' you will work with me."'
            ),
            (
                "{H} thought for a moment. Then {H.he} opened the door wide, and they shared what"
                " there was. {F} sang songs to thank {H.him}."
            ),
        ],
        [
            "when spring came, {F} was the first in the field.",
            (
                "the next summer two of them worked side by side, and in the evening both of them"
                " danced."
            ),
            "{@home_again}",
        ],
    ],
}

KINDNESS = {
    "about": ["kindness", "kind {H.kind}", "{H.kind} who helped a {F.kind}", "small {F.kind}"],
    "moral": [
        "no act of kindness is ever lost.",
        "even the smallest friend can be a great help.",
        "help others, and they will help you.",
    ],
    "beats": [
        OPENING,
        [
            (
                "{@morning} {H} heard a [weak|thin|sad] voice {at}. {F.intro} was caught {hide}."
                ' "Please help me," said {F}.'
            ),
            (
                "{@morning} on the way to {go} {H} met {F.intro}, who had [hurt {F.his}"
                ' foot|nothing to eat|lost {F.his} way]. "Can you help me?" {F.he} asked.'
            ),
        ],
        [
            "{H} was in a hurry, for the {S.kind} was waiting. But {H.he} stopped all the same.",
            '"Of course I can," said {H} at once.',
            "the others had all passed by without a word. {H} did not.",
        ],
        [
            (
                '{H} [helped {F} up|freed {F}] and gave {F.him} some {food} to eat. "I will never'
                ' forget this," said {F}. "[How could you ever help me, little one?|It was nothing,'
                ' little one!]" laughed {H}.'
            ),
            (
                "{H} took {F} home, made a warm bed and cared for {F.him} for [three days|a week]."
                ' "One day I will help you too," said {F}.'
            ),
        ],
        [
            (
                "[Weeks|Months|Many days] passed. {@weather}Then {H} [fell into a river|was caught"
                " in a net|got stuck in the mud] near {go}."
            ),
            (
                "some time later, a storm broke, and the wind blew down the house of {H}. {H.He}"
                " had no roof over {H.his} head."
            ),
            "in the winter {H} fell ill and could not get up. There was no wood for the fire.",
        ],
        [
            '"Help!" {H.he} called, but nobody heard. {H} had almost given up hope.',
            '{H} was {@sad}. "Who will help me now?" {H.he} thought.',
        ],
        [
            (
                "but {F} had heard of it. {F.He} came with all {F.his} brothers and sisters, and"
                " [in no time|before evening] {H} was safe."
            ),
            (
                'then there was a small voice. "Here I am," said {F}. {F.He} [worked|pulled] all'
                " night, and in the morning all was well."
            ),
        ],
        [
            '"You are small, but you have a big heart," said {H}. "So have you," said {F}.',
            '"Now we are even," said {F}. "No," said {H}, "now we are friends."',
        ],
        [None, "{@home_again}", "the {S.kind} told the tale to all the children."],
    ],
}
