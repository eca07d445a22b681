"""What is done to a folder of videos before it is trained on: it is checked, made smaller, and counted."""
