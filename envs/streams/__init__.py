"""Decision streams: the world as one decision a step, for learners that know one action.

- `layout.py`: what a decision looks like, a table with a row per legal action.
- `tick.py`: the decisions of a tick of every network copy, read from the kernel and written back.
- `whole.py`: a stream makes every decision of a network copy, one after the other.
- `sampled.py`: a stream makes a decision drawn at random and is charged with all that it leads to.
"""
