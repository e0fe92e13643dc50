"""The words of spoken numbers, and the words around them that tell a number from prose."""


def words(text: str) -> tuple[str, ...]:
    """The words of a paragraph."""
    return tuple(text.split())


DIGITS = {
    word: str(value) for value, word in enumerate(words("zero one two three four five six seven eight nine"))
}
TEENS = {
    word: value
    for value, word in enumerate(
        words("ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen"), start=10
    )
}
TENS = {
    word: 10 * value
    for value, word in enumerate(words("twenty thirty forty fifty sixty seventy eighty ninety"), start=2)
} | {"fourty": 40}
OH = {"oh", "o"}
TIMES = {"double": 2, "triple": 3}
MINUS = {"minus", "negative", "-", "−", "–", "—"}
# What Whisper hears for a digit right after "e minus", where nothing else makes sense.
EXPONENTS = {"for": "4", "to": "2", "too": "2", "tree": "3", "free": "3", "won": "1", "ate": "8", "sex": "6"}
ORDINALS = {
    "first": "1", "second": "2", "third": "3", "fourth": "4", "fifth": "5", "sixth": "6", "seventh": "7",
    "eighth": "8", "ninth": "9", "tenth": "10", "twelfth": "12", "fifteenth": "15", "sixteenth": "16",
    "twentieth": "20",
}  # fmt: skip
E = {
    "e",
    "he",
    "ee",
    "b",
    "c",
    "d",
    "g",
    "i",
    "p",
    "t",
    "v",
    "z",
}  # an accent makes the letter sound like its neighbours
PERCENT = {"percent", "%", "percents"}
LARGE = {"million": "million", "billion": "billion", "trillion": "trillion"}
FRACTIONS = {
    ("a", "half"): "5", ("1", "half"): "5", ("one", "half"): "5", ("a", "quarter"): "25",
    ("three", "quarters"): "75", ("3", "quarters"): "75",
}  # fmt: skip
NOT_BEFORE_POINT = frozenset(
    words(
        "the this that a an some which what one's my our your his her its their good main bullet data no any every each "
        "another certain saddle starting end check decimal set floating fixed percentage inflection turning whole"
    )
)
AFTER_A_WORD_ZERO = frozenset(
    words("shot sum day grad gradient gradients padding pad padded mean centered init out in")
)
BEFORE_A_NUMBER = frozenset(
    words(
        "to from seed epoch step layer fold version run size number stage level rank gpu temperature patience equals "
        "equal = # times plus minus negative"
    )
)
BEFORE_DECIMALS = frozenset(words("of to from was is on by than"))
COUNTED = frozenset(
    words(
        "epoch epochs step steps layer layers head heads gpu gpus hour minute second percent point worker workers node "
        "seed fold million billion trillion thousand hundred"
    )
)
CLAUSE_GOES_ON = frozenset(words("and or to instead but because so for with after before again"))
AREAS = frozenset(
    words("conv kernel patch patche pixel image grid crop filter convolution window resolution input")
)
SMALL_QUANTITIES = frozenset(words("lr rate rates decay epsilon eps"))  # usually said as "three e minus four"
HALVED = frozenset(
    words("point hour day week month minute second year epoch percent million billion degree gig")
)
UNITS = frozenset(words("kb mb gb tb gib mib ms db hz khz sec secs min mins hrs"))
SPLITS = frozenset(words("train val test eval dev top"))  # "validation accuracy" is not the run's `acc`
PARTS = frozenset(words("half halves third thirds quarter quarters fifth fifths"))
MODEL_FAMILIES = frozenset(
    words("llama mistral mixtral qwen gemma phi falcon pythia opt bloom yi olmo deepseek gpt vicuna alpaca")
)
OF_MODELS = frozenset(words("model models parameter parameters param params checkpoint checkpoints"))
SIZED = frozenset(  # of these one says "one twenty eight", which Whisper may write "1 28"
    words(
        "size sizes dim dims dimension dimensions width hidden length context tokens channels resolution units crop embedding"
    )
)


def is_size(value: int) -> bool:
    """Whether widths, batches and images are made this large: 128, 224, 768, 1024."""
    return value >= 96 and value % 32 == 0


def reads_as_one(first: int, second: int) -> bool:
    """ "ten twenty four" and "twelve eighty" are one number, "eighty twenty" and "thirty forty" are two."""
    if second < 10:
        return False
    return second % 10 != 0 or first % 10 != 0 or first == second == 20


def clock(value: int, after: str, later: str) -> str | None:
    """ "nine thirty am" is a time of day."""
    if after in ("am", "pm", "o'clock", "tomorrow", "tonight") or (
        after == "in" and later in ("morning", "afternoon", "evening")
    ):
        return f"{value // 100}:{value % 100:02}" if value >= 100 else None
    return None
