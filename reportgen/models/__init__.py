"""What is explained and what it runs on: classifiers, concept encoders, runtimes, and the download of weights."""
