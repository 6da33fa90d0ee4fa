"""Times of interpreter, replay, sampling and training beside their peers."""
