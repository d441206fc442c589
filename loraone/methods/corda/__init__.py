"""CorDA: the weight seen through its inputs' covariance, by PEFT's own pass over the texts."""
