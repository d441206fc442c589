"""What a run is given: pretrained models with their target layers, and data as batches."""
