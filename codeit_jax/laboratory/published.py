"""What others published: the paper's tables and curves, and results of other systems, each with its source.

The paper is Butt et al., ICML 2024, arXiv 2402.04858; values of its figures are read off the plots.
"""

from dataclasses import dataclass

PAPER = "CodeIt paper, ICML 2024"


@dataclass(frozen=True, kw_only=True)
class Quoted:
    """A published result.

    Attributes:
        system: whose.
        result: as published.
        metric: of what, counted how.
        source: where it is written.
    """

    system: str
    result: str
    metric: str
    source: str


TABLE_1_COLUMNS = ("training, 400", "evaluation, 400", "evaluation tests, 412")

TABLE_1: dict[str, tuple[str, tuple[str, str, str]]] = {
    "Ferré 2021 (MDL)": ("", ("29", "6", "")),
    "Ainooson MLE": ("", ("70", "17", "")),
    "Ainooson brute force": ("", ("104", "26", "")),
    "Ferré 2023": ("", ("96", "23", "")),
    "Mirchandani, text-davinci-003": ("", ("56*", "27*", "")),
    "Gendron, GPT-4": ("", ("", "", "49*")),
    "Mutation d1": ("d1", ("", "42", "39*")),
    "Mutation d∞": ("dinf", ("", "38", "36*")),
    "Random programs": ("random", ("", "6", "7*")),
    "CodeIt": ("CodeIt", ("", "59", "59*")),
}
"""Rows: the row's name -> the arm it is (none for systems of others) and tasks solved by pass@3; * marks pass@1."""

TABLE_2: dict[str, tuple[str, int, int]] = {
    "CodeIt": ("", 49, 59),
    "A1": ("no policy samples in the replay: learns from mutants", 13, 45),
    "A2": ("no hindsight relabeling", 24, 42),
    "A3": ("no priority: uniform draws", 38, 58),
    "A4": ("no pretrained weights", 9, 35),
    "A5": ("one demonstration in the prompt", 34, 51),
    "A6": ("no mutants", 17, 20),
}
"""Ablations: name -> what is taken out, tasks of 400 solved by the policy, and cumulatively, by pass@3."""

TABLE_4 = {"only by the policy": 23, "only by mutants": 13, "by both": 29, "by either": 65}
"""Tasks of 400 (pass@3) that its best seed's policy and mutation d1 solve."""

OTHERS = (
    Quoted(
        system="Icecuber (Kaggle 2020)",
        result="21 %",
        metric="tasks of the hidden test set, 3 guesses",
        source=PAPER + ", table 7",
    ),
    Quoted(
        system="ensemble of the Kaggle era",
        result="30 %",
        metric="tasks of the hidden test set, 3 guesses",
        source=PAPER + ", table 7",
    ),
    Quoted(
        system="Hodel (ARCathon 2022)",
        result="6 %",
        metric="tasks of the hidden test set",
        source=PAPER + ", table 7",
    ),
    Quoted(
        system="winner of ARCathon 2023",
        result="30 %",
        metric="tasks of the hidden test set",
        source=PAPER + ", table 7",
    ),
    Quoted(
        system="Xu et al. (GPAR)",
        result="63 of 160",
        metric="an object-centric subset of ARC",
        source=PAPER + ", related work",
    ),
    Quoted(
        system="Kolev et al. (Neural abstract reasoner)",
        result="78 %",
        metric="tasks with grids of at most 10 x 10",
        source=PAPER + ", related work",
    ),
    Quoted(system="Alford et al.", result="22 of 36", metric="a subset of ARC", source=PAPER + ", related work"),
    Quoted(
        system="CodeIt's released code, an outside replication",
        result="12.00 % ± 1.09",
        metric="400 evaluation tasks, pass@3, the policy's programs of meta-iterations 94 to 96, three seeds",
        source="logs of 2026, not published as a paper",
    ),
    Quoted(
        system="SOAR (Pourcel et al.)",
        result="52 %",
        metric="400 evaluation tasks, 2 guesses by a weighted vote, Python programs of language models up to 123B",
        source="ICML 2025, arXiv 2507.14172",
    ),
    Quoted(
        system="HRM (Wang et al.)",
        result="40.3 %",
        metric="400 evaluation tasks, 2 guesses, outputs without programs, trained on their demonstrations",
        source="2025, arXiv 2506.21734",
    ),
    Quoted(
        system="TRM (Jolicoeur-Martineau)",
        result="44.6 %",
        metric="400 evaluation tasks, 2 guesses, outputs without programs, trained on their demonstrations",
        source="2025, arXiv 2510.04871",
    ),
)
"""Systems that table 1 doesn't have. None was run here, and none is counted as this project counts."""

FIGURE_4_D1 = (
    *((9_600, 0.07), (19_200, 0.08), (48_000, 0.09), (144_000, 0.10), (288_000, 0.1025)),
    *((1_010_000, 0.105), (1_430_000, 0.105)),
)
"""Mutation d1: (attempts, share of 400 tasks by pass@3), as shipped with the released code."""

FIGURE_4_END = {"CodeIt": (1_000_000, 0.1475), "mutation d∞": (1_000_000, 0.087), "random": (1_000_000, 0.016)}

FIGURE_8 = {
    **{"Order": 0.08, "ExtendToBoundary": 0.255, "Copy": 0.19, "AboveBelow": 0.20, "Center": 0.22, "CleanUp": 0.11},
    **{"CompleteShape": 0.38, "Count": 0.12, "ExtractObjects": 0.21, "FilledNotFilled": 0.445},
    **{"HorizontalVertical": 0.29, "InsideOutside": 0.12, "MoveToBoundary": 0.10, "SameDifferent": 0.245},
    **{"TopBottom2D": 0.28, "TopBottom3D": 0.19},
}
"""ConceptARC at temperature 1: concept -> share of its tests."""

FIGURE_9 = ((60e6, 0.1025), (220e6, 0.1475), (770e6, 0.156))
"""(parameters, share of 400 tasks); 770M was stopped after 85 of 100 meta-iterations."""

FIGURE_10 = ((1, 0.1415), (3, 0.149), (100, 0.163), (1000, 0.168))
"""(k, share of 400 tasks by pass@k)."""

FIGURE_15 = (24, 45)
"""Tasks that get a shorter solution later, of those that had one."""
