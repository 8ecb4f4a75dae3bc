"""How the kernel's functions are compiled.

World and state are tuples of some fifty arrays. Numba counts a reference for each array at each call and copies the
tuple; both cost more than the work inside a function. So the kernel allocates nothing and is compiled without reference
counting, and its small functions are inlined.
"""

from __future__ import annotations

from numba import njit

compiled = njit(_nrt=False, cache=True)
inlined = njit(_nrt=False, cache=True, forceinline=True)
