"""The words of the stories' world: who lives there, where, and with what."""

GIRLS = """Mia Anna Lily Ruby Clara Nora Ella Zoe Ivy Rosa Emma Lucy Greta Hana Sara Tess Maya Alma
Lena Vera Edith Flora Jane Kate Laura Molly Nell Olive Paula Ruth""".split()

BOYS = """Tom Ben Leo Max Sam Finn Noah Hugo Otto Jack Emil Karl Liam Ned Oscar Paul Rafi Theo Will
Adam Felix Jonas Luca Mark Nico Peter Simon Toby Victor Hal""".split()

# name pools of animals and other folk, by pronoun
PET_NAMES = {
    "he": (
        "Rufus Bruno Pip Barnaby Chester Dash Fergus Gus Hobbs Jasper Milo Monty Otis Rollo Scout "
        "Sorrel Tiptoe Wally Bramble Clover".split()
    ),
    "she": (
        "Bella Daisy Dot Fern Hazel Holly Juniper Luna Mabel Misty Nutmeg Pearl Penny Poppy Rosie "
        "Sage Tilly Willow Honey Pebble".split()
    ),
}

# kind: (home, food, a word for its young life)
ANIMALS = {
    "fox": ("den", "berries"),
    "rabbit": ("burrow", "carrots"),
    "bear": ("cave", "honey"),
    "mouse": ("hole in the wall", "cheese"),
    "owl": ("hollow tree", "nuts"),
    "duck": ("nest by the pond", "bread"),
    "frog": ("pond", "flies"),
    "hedgehog": ("bed of leaves", "apples"),
    "squirrel": ("tall oak tree", "nuts"),
    "cat": ("basket by the stove", "fish"),
    "dog": ("kennel", "bones"),
    "goat": ("barn", "grass"),
    "pony": ("stable", "oats"),
    "turtle": ("place among the reeds", "leaves"),
    "wolf": ("den", "meat"),
    "crow": ("nest in the old pine", "seeds"),
    "mole": ("tunnel", "roots"),
    "otter": ("home under the river bank", "fish"),
    "badger": ("burrow", "mushrooms"),
    "hen": ("hen house", "corn"),
    "lamb": ("meadow", "grass"),
    "donkey": ("shed", "hay"),
    "pig": ("pen", "apples"),
    "elephant": ("grove of tall trees", "bananas"),
    "lion": ("rocky hill", "meat"),
    "monkey": ("fig tree", "figs"),
    "parrot": ("palm tree", "seeds"),
    "penguin": ("hut of ice", "fish"),
    "dragon": ("cave in the mountain", "soup"),
    "robot": ("workshop", "oil"),
}

ADULTS = [
    ("old woman", "she"),
    ("old man", "he"),
    ("baker", "he"),
    ("farmer", "she"),
    ("fisherman", "he"),
    ("teacher", "she"),
    ("painter", "she"),
    ("miller", "he"),
    ("shepherd", "he"),
    ("tailor", "he"),
    ("gardener", "she"),
    ("sailor", "he"),
    ("clockmaker", "she"),
    ("beekeeper", "he"),
    ("queen", "she"),
    ("king", "he"),
    ("postman", "he"),
    ("doctor", "she"),
    ("weaver", "she"),
    ("carpenter", "he"),
]

TRAITS = """little young small cheerful curious shy clever kind brave quiet merry gentle lively
careful friendly playful dreamy stubborn patient proud""".split()

# towns and lands where a story happens, with the right preposition
REGIONS = """in a small village
in a green valley
at the edge of a forest
in a town by the sea
on a farm
near a wide river
on a high hill
on a quiet island
in the middle of a big city
in a land of lakes
at the foot of a mountain
in a house with a blue door
beside an old mill
behind the railway station""".split("\n")

# where one can go: (with "to", with "in"/"at"/"on")
PLACES = [
    ("the forest", "in the forest"),
    ("the market", "at the market"),
    ("the river", "by the river"),
    ("the meadow", "in the meadow"),
    ("the old bridge", "on the old bridge"),
    ("the beach", "on the beach"),
    ("the garden", "in the garden"),
    ("the hill", "on the hill"),
    ("the lake", "by the lake"),
    ("the orchard", "in the orchard"),
    ("the barn", "in the barn"),
    ("the mill", "at the mill"),
    ("the well", "at the well"),
    ("the park", "in the park"),
    ("the harbour", "in the harbour"),
    ("the cornfield", "in the cornfield"),
    ("the castle", "at the castle"),
    ("the library", "in the library"),
    ("the square", "in the square"),
    ("the pine wood", "in the pine wood"),
]

HIDING_PLACES = """under a bush
behind a big stone
inside a hollow log
at the bottom of a basket
between two roots
in the tall grass
in a dry ditch
behind the fence
under the old oak
in an empty bird nest
under a pile of leaves
between two rocks
in the mud
behind the mill
below the bridge
in a wheelbarrow""".split("\n")

COLOURS = "red blue green yellow white black brown golden silver purple orange grey".split()
LOOKS = "small shiny old new pretty fine round tiny wooden painted bright smooth".split()
OBJECTS = (
    """kite ball hat bell boat drum lantern key basket book scarf button ring coin umbrella cup
flute map mirror clock whistle doll wagon candle spoon blanket ribbon stone shell feather bucket box
top puzzle violin brush pillow bottle lamp purse trumpet marble necklace compass""".split()
)
SMALL_OBJECTS = """ball hat bell key book scarf button ring coin cup flute map mirror whistle doll
candle spoon ribbon shell feather purse marble necklace compass brush""".split()
FRAGILE_OBJECTS = """kite boat drum lantern cup flute mirror clock doll wagon bottle lamp violin
umbrella box whistle compass necklace""".split()

# what can be made together: (thing, material, use)
PROJECTS = [
    ("raft", "planks and rope", "float down the river"),
    ("tree house", "boards and nails", "see the whole valley"),
    ("snowman", "three big balls of snow", "guard the gate"),
    ("cart", "an old box and four wheels", "roll down the hill"),
    ("bird house", "thin wood and glue", "give the birds a home"),
    ("kite", "paper and string", "fly above the roofs"),
    ("bridge", "logs and stones", "cross the stream"),
    ("tent", "an old sheet and sticks", "sleep under the stars"),
    ("swing", "a board and two ropes", "fly up to the branches"),
    ("scarecrow", "straw and an old coat", "watch over the field"),
    ("sand castle", "wet sand and shells", "stand until the tide came"),
    ("lantern", "paper and a candle", "light the way home"),
    ("flute", "a piece of reed", "play a song"),
    ("sledge", "boards and wax", "glide over the snow"),
]

# food that can be shared; fruit can also be gathered and stored
FRUIT = "apples pears cherries plums nuts berries grapes peaches mushrooms beans".split()
FOODS = """apples pears cherries plums nuts berries cakes buns pies pancakes biscuits grapes peaches
strawberries sandwiches muffins""".split()

PLANTS = [
    ("sunflower", "flower"),
    ("apple tree", "tree"),
    ("pumpkin", "plant"),
    ("rose", "flower"),
    ("bean", "plant"),
    ("oak", "tree"),
    ("tulip", "flower"),
    ("tomato plant", "plant"),
    ("lemon tree", "tree"),
    ("strawberry plant", "plant"),
    ("lily", "flower"),
    ("pear tree", "tree"),
]

# what one may fear: (noun phrase, what it does, where one meets it)
FEARS = [
    ("the dark", "when the lamp went out"),
    ("deep water", "when the others swam"),
    ("thunder", "when the sky rumbled"),
    ("high places", "when the others climbed"),
    ("wild bees", "when one hummed near the window"),
    ("the narrow bridge", "when the others crossed it"),
    ("the big dog next door", "when it barked"),
    ("the wind", "when it howled at night"),
    ("spiders", "when one ran across the floor"),
    ("the old cellar", "when the door creaked"),
    ("the steep rock", "when the others climbed on it"),
    ("snow storms", "when the snow flew"),
]

CONTESTS = [
    ("running race", "run to the old mill and back", "run"),
    ("swimming race", "swim across the lake", "swim"),
    ("boat race", "row around the island", "row"),
    ("baking contest", "bake the best cake", "bake"),
    ("singing contest", "sing the finest song", "sing"),
    ("kite contest", "fly a kite higher than the church tower", "fly kites"),
    ("drawing contest", "draw the nicest picture of the village", "draw"),
    ("climbing contest", "climb to the top of the hill", "climb"),
    ("sledge race", "slide down to the frozen pond", "slide"),
    ("building contest", "build the tallest tower of stones", "build"),
]
