"""The paper's tuning split of the 400 ARC-1 training tasks: 311 to train on, 89 to choose settings by.

The paper stratifies it by the length of the tasks' programs and doesn't publish it. Ours: the tasks ordered by the
number of lines of our built-in program and then by id, those without a program last; of the place 0, 1, ... in this
order, every task where `place * 89 % 400 < 89`. So each length has its share of both parts, to within one task.

The ids stand here, so that the split stays as it is when a program is rewritten.
"""

_IDS = """
025d127b 045e512c 0520fde7 05269061 0e206a2e 137eaa0f 1cf80156 1e0a9b12 1f876c06 1fad071e 2013d3e2 2204b7a8
25d487eb 2dc579da 3428a4f5 3ac3eb23 3befdf3e 3e980e27 40853293 4093f84a 4290ef0e 445eab21 469497ad 48d8fb45
496994bd 50cb2852 5582e5ca 56dc2b01 5ad4f10b 5c0a986e 67385a82 67a423a3 67e8384a 6855a6e4 6aa20dc0 6d0160f0
6d58a25d 6d75e8bb 6e02f1e3 74dd1130 77fdfe62 7e0986d6 7fe24cdd 80af3007 834ec97d 8731374e 88a10436 941d9a10
952a094c 9565186b 95990924 98cf29f8 99b1bc43 a5313dff a61f2674 a65b410d a78176bb a79310a0 a87f7484 aedd82e4
b190f7f5 b27ca6d3 b7249182 b8825c91 bbc9ae5d bc1d5164 be94b721 c59eb873 c9f8e694 ce602527 ce9e57f2 d06dbe63
d13f3404 d687bc17 dae9d2b5 db3e9e38 dbc1a6ce ddf7fa4f e3497940 e509e548 e6721834 ea32f347 ec883f72 ef135b50
f5b8619d f8ff0b80 f9012d9b fafffa47 ff805c23
"""

TUNING_TEST_IDS = frozenset(_IDS.split())
