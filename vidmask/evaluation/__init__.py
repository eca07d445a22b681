"""What a classifier answered for each video of a split, and what that says of it."""
