"""Names and ids: a run is called something people can say, and identified by something nobody has to."""

import os

ADJECTIVES = (
    "amber ancient bold brave bright brisk calm clever cosmic crisp daring deep eager early fair fancy fast fierce "
    "gentle glad golden grand happy hardy honest humble icy jolly keen kind light lively lucky lunar mellow merry "
    "mighty misty modest noble polar proud pure quick quiet rapid ready royal rustic sharp silent silver smart smooth "
    "snowy solar solid spry stable steady stellar still sunny swift tidy true vivid warm wild wise witty young"
).split()
ANIMALS = (
    "alpaca badger beaver bison bobcat caribou condor coral cougar crane deer dolphin dragon eagle egret elk falcon "
    "ferret finch fox gazelle gecko gibbon goose hare hawk hedgehog heron ibex ibis impala jackal jaguar kestrel koala "
    "lark lemur leopard lion llama lynx magpie manta marmot marten moose narwhal newt ocelot orca osprey otter owl "
    "panda panther pelican penguin pika puffin puma quail raven robin salmon seal sparrow stork swan tapir tern tiger "
    "toucan trout turtle viper walrus weasel whale wolf wombat wren yak zebra"
).split()
# What Slack and the references to runs (vision/42) read as something else.
NOT_IN_PROJECTS = "/#@<>"
LONGEST_PROJECT = 100
ALPHABET = "abcdefghijklmnopqrstuvwxyz0123456789"


def new_id() -> str:
    """Twelve characters that no other run has."""
    return "".join(ALPHABET[byte % 36] for byte in os.urandom(12))


def new_name() -> str:
    """Two words to call a run by; the user's own random state is left alone."""
    first, second = int.from_bytes(os.urandom(4), "big"), int.from_bytes(os.urandom(4), "big")
    return f"{ADJECTIVES[first % len(ADJECTIVES)]}-{ANIMALS[second % len(ANIMALS)]}"


def project_name(wanted: str) -> str:
    """The nearest that a project may be called: 1 to 100 characters without / # @ < > and control characters."""
    plain = "".join(
        "-" if sign in NOT_IN_PROJECTS or sign < " " else " " if sign.isspace() else sign for sign in wanted
    )
    return plain.strip("- ")[:LONGEST_PROJECT].strip("- ") or "uncategorized"
