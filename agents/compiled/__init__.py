"""The learner's arithmetic on a CPU, compiled: passes through scorer networks, decisions, and gradients of losses.

An update takes thousands of steps on small networks, and PyTorch spends most of them on overhead: padded candidates, a
pass over memory for each operation, and calls from Python. Here a block of rows goes through a network while it is in
the processor's cache, matrices are multiplied by BLAS, and gradients are written out. Open

- `network.py` for the passes forward and backward, and for fitting a network to values,
- `lines.py` and `lanes.py` for decisions and the gradients of PPO's losses.

`agents.engines.on_torch` computes the same with PyTorch; tests hold the two together, decision by decision and
gradient by gradient.
"""
