"""Full fine-tuning of the target layers: the reference line."""
