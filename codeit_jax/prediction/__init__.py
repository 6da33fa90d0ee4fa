"""Predictions of models behind an endpoint: questions, answers that are kept, grids and programs read from them."""
