"""Tables of facts behind the chat skills."""

CAPITALS = dict(line.split(": ") for line in """France: Paris
Germany: Berlin
Italy: Rome
Spain: Madrid
Portugal: Lisbon
England: London
Scotland: Edinburgh
Ireland: Dublin
Austria: Vienna
Switzerland: Bern
Belgium: Brussels
Poland: Warsaw
Greece: Athens
Norway: Oslo
Sweden: Stockholm
Finland: Helsinki
Denmark: Copenhagen
Iceland: Reykjavik
Hungary: Budapest
Romania: Bucharest
Bulgaria: Sofia
Croatia: Zagreb
Serbia: Belgrade
Ukraine: Kyiv
Russia: Moscow
Turkey: Ankara
Egypt: Cairo
Morocco: Rabat
Tunisia: Tunis
Kenya: Nairobi
Ethiopia: Addis Ababa
Ghana: Accra
Nigeria: Abuja
Senegal: Dakar
Japan: Tokyo
China: Beijing
India: New Delhi
Nepal: Kathmandu
Thailand: Bangkok
Vietnam: Hanoi
Indonesia: Jakarta
Mongolia: Ulaanbaatar
Iran: Tehran
Iraq: Baghdad
Lebanon: Beirut
Jordan: Amman
Canada: Ottawa
Mexico: Mexico City
Cuba: Havana
Jamaica: Kingston
Peru: Lima
Chile: Santiago
Argentina: Buenos Aires
Brazil: Brasilia
Colombia: Bogota
Ecuador: Quito
Uruguay: Montevideo
Australia: Canberra
Fiji: Suva
Latvia: Riga
Lithuania: Vilnius
Estonia: Tallinn
Slovenia: Ljubljana
Slovakia: Bratislava""".split("\n"))

YOUNG = dict(line.split() for line in """cat kitten
dog puppy
cow calf
horse foal
sheep lamb
goat kid
pig piglet
hen chick
duck duckling
goose gosling
swan cygnet
lion cub
bear cub
wolf pup
fox cub
deer fawn
frog tadpole
kangaroo joey
owl owlet
eagle eaglet
elephant calf
whale calf
seal pup
rabbit kit
hare leveret
tiger cub
donkey foal
butterfly caterpillar
human baby
turkey poult""".split("\n"))

OPPOSITE_PAIRS = [line.split() for line in """hot cold
big small
long short
high low
fast slow
old new
happy sad
light dark
day night
early late
open closed
full empty
hard soft
clean dirty
wet dry
loud quiet
rich poor
strong weak
thick thin
near far
up down
left right
inside outside
first last
true false
good bad
easy difficult
cheap expensive
heavy lightweight
sweet sour
wide narrow
deep shallow
love hate
win lose
buy sell
begin end
push pull
remember forget
above below
always never
before after
alive dead
awake asleep
brave cowardly
kind cruel
young elderly
smooth rough
sharp blunt
laugh cry
float sink
give take
north south
east west
friend enemy
question answer
success failure
summer winter
arrive leave
black white
safe dangerous""".split("\n")]

OPPOSITES = {a: b for a, b in OPPOSITE_PAIRS} | {b: a for a, b in OPPOSITE_PAIRS}

WEEKDAYS = "Monday Tuesday Wednesday Thursday Friday Saturday Sunday".split()

# (large unit, small unit, how many, largest count asked for); singular forms drop the s
UNITS = [
    ("metres", "centimetres", 100, 50),
    ("kilometres", "metres", 1000, 50),
    ("centimetres", "millimetres", 10, 50),
    ("kilograms", "grams", 1000, 50),
    ("litres", "millilitres", 1000, 50),
    ("hours", "minutes", 60, 10),
    ("minutes", "seconds", 60, 10),
    ("days", "hours", 24, 7),
    ("weeks", "days", 7, 12),
    ("years", "months", 12, 10),
    ("euros", "cents", 100, 50),
    ("tonnes", "kilograms", 1000, 50),
    ("decades", "years", 10, 30),
    ("centuries", "years", 100, 30),
]

ONES = """zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen
fifteen sixteen seventeen eighteen nineteen""".split()
TENS = "twenty thirty forty fifty sixty seventy eighty ninety".split()


def number_words(n):
    """0 to 999 in words."""
    if n < 20:
        return ONES[n]
    if n < 100:
        tens, one = TENS[n // 10 - 2], n % 10
        return f"{tens}-{ONES[one]}" if one else tens
    rest = f" and {number_words(n % 100)}" if n % 100 else ""
    return f"{ONES[n // 100]} hundred{rest}"


JOBS = """baker teacher farmer doctor painter sailor tailor gardener pilot nurse singer writer cook
driver dancer builder judge clerk miner potter""".split()

GREETINGS = {
    "Hello! How can I help you?": (
        "[Hello|Hi|Hey|Hi there|Hello there|Hey there|Good morning|Good evening|Good afternoon|Good"
        " day|Greetings|Howdy|Hello again|Hi again|Welcome back][|, my friend|, friend|, model|,"
        " computer|, you|, everyone|, dear model|, little model|, machine|, BitNet|, assistant|,"
        " robot|, buddy][|!|.|!!| :)]"
    ),
    "I am fine, thank you. How can I help you?": (
        "[|Hello, |Hi, |Hey, |Good morning, |So, |Hello! |Hi! |Tell me, |Well, ][how are you|how"
        " are you doing|how do you do|how is it going|are you well|are you fine|how do you feel][|"
        " today| now| this morning| tonight][?|]"
    ),
    "You are welcome!": (
        "[Thank you|Thanks|Thanks a lot|Thank you very much|Many thanks|Thank you so much|Great,"
        " thanks|Good, thank you|Very good, thanks|Thanks for your help|Thank you for your"
        " help|Thanks for that|Cheers|Perfect, thank you|Nice, thanks|Oh, thank you][|, model|,"
        " friend|, BitNet|, my friend|, computer][|!|.]"
    ),
    "Goodbye! See you soon.": (
        "[Goodbye|Bye|Bye bye|See you|See you later|Good night|Farewell|See you soon|See you"
        " tomorrow|I have to go|I must go now|Bye for now|So long|Have a nice day][|, model|,"
        " friend|, BitNet|, my friend|, computer][|!|.]"
    ),
}

IDENTITY = {
    "I am a demonstration model of a few million parameters.": (
        "[|Hello, |Hi! |Tell me, |Please tell me, |So, |Well, |Say, |And ][who are you|what are"
        " you|who am I talking to|what is your name|are you a person|are you human|are you a"
        " robot|are you a model|what kind of model are you|which model are you|how big are you|how"
        " many parameters do you have|what sort of machine are you|who is this|can you tell me who"
        " you are|can you tell me what you are|do you have a name|are you a language model|are you"
        " an AI][| exactly| really| then][?|]"
    ),
    "I can calculate, sort numbers, spell, convert units, name capitals and tell stories.": (
        "[|Hello, |Hi! |Tell me, |Please tell me, |So, |Well, |Say, |And ][what can you do|what can"
        " I ask you|what do you know|what are your skills|how can you help me|what are you good"
        " at|what can you help with|what should I ask you|can you help me|what is it that you can"
        " do|which questions can you answer][| exactly| today| for me| then][?|]"
    ),
}

UNKNOWN_TOPICS = """
the sky, the sea, the moon, the stars, gravity, music, football, chess, the weather, history,
computers, the internet, cars, planes, trains, money, coffee, tea, chocolate, dinosaurs,
volcanoes, earthquakes, electricity, magnets, light, sound, rainbows, clouds, snow, trees,
flowers, bees, sharks, the human brain, dreams, love, happiness, philosophy, politics, religion,
art, poetry, painting, dancing, cooking, bread, cheese, wine, mathematics, physics, chemistry,
biology, medicine, the law, Shakespeare, Mozart, Einstein, Napoleon, Cleopatra, Paris, London,
New York, Tokyo, Africa, America, Europe, Asia, Mars, Jupiter, the sun, black holes, atoms,
robots, rockets, satellites, bicycles, bridges, castles, pyramids, knights, pirates, kings,
queens, wars, peace, science, books, films, television, radio, newspapers, games, sport, tennis,
swimming, mountains, rivers, deserts, forests, islands, glaciers, oceans, whales, elephants,
horses, dogs, cats, birds, fish, insects, viruses, bacteria, the heart, blood, sleep, memory,
language, Latin, French, German, Chinese, programming, Python, databases, encryption, BitNet,
neural networks, the stock market, taxes, insurance, fashion, shoes, hats, jewels, gold, silver,
iron, plastic, glass, paper, water, fire, air, the wind, tornadoes, the tides, time, space, the
future, the past
""".strip().replace("\n", " ").split(", ")

UNKNOWN_FORMS = """[Who invented|Who discovered|Who studies|Who likes] {t}?
Why [is|are] {t} [so important|so interesting|so strange|there|like that|so popular|so old|so useful]?
[When|Where|How] [did|does] {t} [begin|end|come from|work|start|grow]?
[Can you explain|Please explain|Explain] {t}[| to me][.|?|]
[What is|What are] {t}[| made of| good for| used for| about]?
[What do you think of|What do you know about|Tell me about|Tell me something about|Tell me more about] {t}[.|?|]
[How many people like|How many books are there about|How much does one pay for] {t}?
[Who was the first person to write about|Who is the most famous expert on] {t}?
[Write a poem about|Write an essay about|Write a song about|Write code for|Write a letter about] {t}[.|]
[Where can I learn about|Where can I read about|Where can I find] {t}?
[What will happen to|What happened to] {t} [in the future|next year|last year|a hundred years ago]?
[Translate|Summarise] [a text about|the word for] {t} [into French|into German|into Spanish|for me][.|]
[Is|Are] {t} [better|older|larger|more important] than {u}?
[What is the difference between|What connects|Compare] {t} and {u}[?|.]
[Do you like|Do you love|Do you prefer] {t} or {u}?
[How old|How heavy|How far away|How big|How deep] is {t}?
[How do I|How can I|How does one] [learn|buy|build|draw|photograph|repair] {t}?
[What is your favourite book|What is the best film|What is the latest news] about {t}?
[Who won|Who lost] the [prize|game|war|contest] [about|for] {t} in [1950|1987|2004|2012|1815|2023]?
[What time is it|What is the date|Which year is it|How late is it] [in|on] {t}?""".split("\n")
