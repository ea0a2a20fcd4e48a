"""What the account has: summary, positions, profit and loss."""
