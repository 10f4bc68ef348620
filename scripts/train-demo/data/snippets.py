"""Turns of phrase that every story shape shares."""

SNIPPETS = {
    "once": [
        "once upon a time",
        "long ago",
        "one day",
        "many years ago",
        "once",
        "a long time ago",
        "not so long ago",
        "in the old days",
    ],
    "morning": [
        "one [sunny|cold|warm|bright|windy|misty|quiet|grey] [morning|afternoon|day]",
        "on a [fine|rainy|clear|frosty|mild] [spring|summer|autumn|winter] [morning|day]",
        "early one [Monday|Tuesday|Wednesday|Thursday|Friday|Saturday|Sunday]",
        "one evening",
        "the next day",
        "on the first day of [spring|summer|autumn|winter]",
    ],
    "happy": [
        "happy",
        "glad",
        "delighted",
        "full of joy",
        "very pleased",
        "happier than ever",
        "so glad",
    ],
    "sad": ["sad", "unhappy", "very sad", "full of sorrow", "close to tears", "miserable"],
    "said": ["said", "answered", "replied"],
    "asked": ["asked", "wanted to know", "wondered"],
    "smiled": ["smiled", "laughed", "grinned", "nodded", "clapped"],
    "walked": ["walked", "ran", "hurried", "went", "set out", "wandered"],
    "looked": ["looked", "searched", "hunted"],
    "weather": [
        (
            "The sun [was shining|shone] and [a soft wind blew|the birds sang|bees hummed in the"
            " clover]. "
        ),
        "It was raining [softly|hard], and [puddles covered the path|the road was muddy]. ",
        "Snow lay on the [roofs|fields], and everything was [white|still]. ",
        "[Grey|White|Low] clouds [drifted|sailed] over the [hills|roofs]. ",
        "The air smelled of [flowers|hay|rain|the sea|fresh bread]. ",
        "A [cold|strong|warm] wind was blowing from the [north|south|east|west]. ",
        "",
        "",
        "",
    ],
    "home_again": [
        "Then they [walked|went] home [together|side by side|in the evening light].",
        (
            "In the evening they [sat by the fire|had soup|told the whole tale] and"
            " [laughed|sang|were content]."
        ),
        "That night [{H}|{H.he}] slept [well|soundly|better than ever].",
        "{H} never forgot that day.",
        "The moon [rose|came up] over the [trees|hills|roofs], and all was [well|quiet|peaceful].",
        (
            "And from that day on, {H} and {F} were [the best of friends|always together|good"
            " friends]."
        ),
        "From then on, {H} [smiled|thought of it] whenever {H.he} passed [that place|there].",
        "They [told|would tell] the story for [years|a long time].",
    ],
    "hello": [
        '"[Hello|Good morning|Good day]," said {F}. ',
        '"[Hello|Hi], {H.name}!" called {F}. ',
        "{F} waved. ",
        "{F} came along the path. ",
    ],
}
