"""How the videos of MovingShapes are drawn and made; ``vidmask.data.synthetic`` offers them as a source.

Nothing heavy is imported here: the processes that make the files start at once.
"""
