"""The audit: what must hold after every tick, and what is kept of a tick in which it does not.

- `walk.py`: follows every linked list of a row, and counts what it finds there;
- `laws.py`: compares that with what the kernel keeps, and with the tick before;
- `ranges.py`: what a state that comes from a file must fulfil before compiled code reads it;
- `auditor.py`: keeps the moment before each tick, and stops at the first violation;
- `violation.py`: the file that a violation leaves behind, and how it is played again.

The laws are written from what the scenario promises, not from the kernel's functions: none of those is called here.
"""
