"""Training, calibration, evaluation and export of models: on laptops and in CI, never in a Lambda function."""
