"""How fast and how small the replay is meant to be, as ratios to the peers of its bench."""

from typing import NamedTuple


class Goal(NamedTuple):
    """How many times faster than a peer a case should be, at least and at best."""

    peer: str
    must: float
    stretch: float


GOALS: dict[str, tuple[Goal, ...]] = {
    # Needs NumPy alone, so it can be checked anywhere.
    "mixed 512 of 1e5": (Goal("cumsum", 1.3, 4.0),),
    "mixed 512 of 1e6": (Goal("torchrl", 0.9, 1.4), Goal("cumsum", 10.0, 20.0)),
    "sample 8192 of 1e5": (Goal("binary search", 0.8, 2.0),),
    "sample 8192 of 1e6": (Goal("torchrl", 1.5, 2.5),),
    "stratified sample 8192 of 1e6": (Goal("torchrl stratified", 1.5, 2.2),),
    "sample 8192 of 1e7": (Goal("torchrl", 2.0, 3.0), Goal("tianshou", 1.3, 1.8)),
    "update 8192 of 1e6": (Goal("torchrl", 1.3, 2.0),),
    "update 8192 of 1e7": (Goal("torchrl", 1.2, 1.6),),
    "mixed 8192 of 1e6": (Goal("torchrl", 1.5, 2.5), Goal("tianshou", 1.5, 2.0)),
    "mixed 8192 of 1e7": (Goal("torchrl", 1.5, 2.5), Goal("tianshou", 1.5, 2.0)),
    "set all of 1e6": (Goal("torchrl", 8.0, 15.0),),
    "set all of 1e7": (Goal("torchrl", 8.0, 15.0),),
    "stratified sample 8192 of 1e5": (Goal("torchrl stratified", 0.9, 1.5),),
    "update 8192 of 1e5": (Goal("torchrl", 0.7, 1.0),),
    "stratified mixed 8192 of 1e5": (Goal("torchrl stratified", 0.8, 1.3),),
    "stratified sample 8192 of 1e4": (Goal("torchrl stratified", 0.9, 1.5),),
    "update 8192 of 1e4": (Goal("torchrl", 0.7, 1.0),),
    "stratified mixed 8192 of 1e4": (Goal("torchrl stratified", 0.8, 1.3),),
    "mixed 32 of 1e6": (Goal("torchrl", 0.15, 0.3),),
    "mixed 1 of 1e6": (Goal("torchrl", 0.4, 0.6),),
    "loop of 1e5, cpprb": (Goal("cpprb", 1 / 1.5, 1.0),),
    "loop of 1e6, cpprb": (Goal("cpprb", 1 / 1.5, 1.0),),
    "buffer sample 32 of 1e6, cpprb": (Goal("cpprb", 0.8, 1.3),),
    "buffer sample 512 of 1e6, cpprb": (Goal("cpprb", 3.0, 6.0),),
    "buffer sample 8192 of 1e6, cpprb": (Goal("cpprb", 5.0, 10.0),),
    "buffer mixed 32 of 1e6, cpprb": (Goal("cpprb", 0.5, 1.0),),
    "buffer mixed 512 of 1e6, cpprb": (Goal("cpprb", 3.0, 6.0),),
    "buffer mixed 8192 of 1e6, cpprb": (Goal("cpprb", 5.0, 10.0),),
    "buffer sample 32 of 1e6, torchrl": (Goal("torchrl", 2.0, 4.0),),
    "90000 of 1e6 without replacement": (
        Goal("torch.multinomial", 3.0, 6.0),
        Goal("rlmeta", 3.0, 6.0),
        Goal("Generator.choice", 3.0, 8.0),
    ),
    "90000 of 1e7 without replacement": (Goal("rlmeta", 2.5, 5.0),),
    "10000 of 19600 without replacement": (
        Goal("torch.multinomial", 3.0, 7.0),
        Goal("rlmeta", 3.0, 7.0),
        Goal("Generator.choice", 3.0, 8.0),
    ),
    "CodeIt's draw": (Goal("key list per draw", 10_000.0, 100_000.0),),
    "checkpoint of 1e6, torchrl": (Goal("torchrl", 1.0, 3.0),),
    "checkpoint of 1e6, np.savez": (Goal("np.savez", 1.0, 3.0),),
    "bytes per slot of 1e6": (Goal("torchrl", 1 / 0.6, 1 / 0.3),),
    "bytes per slot of 2^20": (Goal("torchrl", 1 / 0.6, 1 / 0.3),),
    "bytes per experience": (Goal("lists", 15.0, 23.0),),
}
