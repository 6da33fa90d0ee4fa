"""Fine-tuning the policy on draws from the replay."""

from codeit_jax.training.optimizer import make_optimizer
from codeit_jax.training.train_step import StepMetrics, TrainBatch, TrainState, init_state, train_step

__all__ = ["StepMetrics", "TrainBatch", "TrainState", "init_state", "make_optimizer", "train_step"]
