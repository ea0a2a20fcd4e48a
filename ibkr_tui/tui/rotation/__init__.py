"""The Keys page's matter: its keys, its words, the steps it shows, and what it asks the core."""
