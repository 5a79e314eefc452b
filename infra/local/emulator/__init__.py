"""The corrected emulator: MiniStack with AWS's documented behaviour put back where it differs."""
