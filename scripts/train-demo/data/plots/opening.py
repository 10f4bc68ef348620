"""How stories begin."""

OPENING = [
    "{@once}, {region}, there lived {H.intro}.",
    "{@once} there was {H.intro}, who lived {region}.",
    "{H.intro} lived {region}.",
    "{region} lived {H.intro}.",
    "{@once} {H.intro} lived {region} with {H.his} [grandmother|two brothers|family|uncle|aunt].",
    "there once was {H.intro}. {H.He} lived {region}.",
]
