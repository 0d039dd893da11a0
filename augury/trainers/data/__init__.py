"""Training data: files of any usual format in, ``TrainingRecord`` out."""
