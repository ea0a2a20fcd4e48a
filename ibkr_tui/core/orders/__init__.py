"""Orders: never twice, never lost, never guessed."""
