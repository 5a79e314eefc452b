"""Training, calibration, evaluation and export of models: never in a Lambda function."""
