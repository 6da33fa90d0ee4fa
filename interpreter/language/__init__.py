"""The language: types, constants, signatures, programs as data, what they may cost, and what comes of them."""
