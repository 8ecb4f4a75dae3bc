"""Derives world.json, the outlines of all countries: ``python -m regional_dispatch.envs.world.data.derive_world FILE``.

FILE is countries-50m.json of the npm package world-atlas. Source, version, licence and the choices made are described
in the README beside this file.
"""

from __future__ import annotations

import json
import math
import sys
from itertools import accumulate, pairwise
from pathlib import Path
from typing import Any

from regional_dispatch.envs.world.data.derive import HERE, Point, Ring, offset, ring_area, write_text

TOLERANCE_DEG = 0.03  # a simplified border stays this near, measured in degrees of latitude
MIN_AREA_DEG2 = 0.01  # of an island, in square degrees of latitude; a country's largest ring stays
STEPS_PER_DEG = 100  # coordinates are whole hundredths of a degree
POLE = -89.9
US, CONTIGUOUS_US = "840", ((-125.0, 24.0), (-66.0, 50.0))  # longitude and latitude of its corners


def decoded(topology: dict[str, Any]) -> list[Ring]:
    """The arcs of a quantized TopoJSON in degrees."""
    (sx, sy), (tx, ty) = topology["transform"]["scale"], topology["transform"]["translate"]
    arcs = []
    for arc in topology["arcs"]:
        whole = accumulate(arc, lambda place, step: [place[0] + step[0], place[1] + step[1]])
        arcs.append(without_jumps([(x * sx + tx, y * sy + ty) for x, y in whole]))
    return arcs


def without_jumps(line: Ring) -> Ring:
    """A line that crosses the date line, with longitudes that go on beyond 180 there."""
    found = line[:1]
    for x, y in line[1:]:
        found.append((x - 360 * round((x - found[-1][0]) / 360), y))
    return found


def simplified(line: Ring) -> Ring:
    """Douglas-Peucker, with degrees of longitude as long as they are at the line's middle latitude."""
    shrink = max(0.1, math.cos(math.radians(sum(y for _, y in line) / len(line))))
    flat = [(x * shrink, y) for x, y in line]
    keep, stack = {0, len(line) - 1}, [(0, len(line) - 1)]
    while stack:
        i, j = stack.pop()
        far = max(range(i + 1, j), key=lambda k: offset(flat[k], flat[i], flat[j]), default=i)
        if far > i and offset(flat[far], flat[i], flat[j]) > TOLERANCE_DEG:
            keep.add(far)
            stack += [(i, far), (far, j)]
    return [line[k] for k in sorted(keep)]


def outer_rings(geometry: dict[str, Any], arcs: list[Ring]) -> list[list[int]]:
    """The arcs around each part of a country, negative ones backwards; holes, which are other countries, are left.

    Antarctica's outer ring is the pole itself, and its coast comes next.
    """
    polygons = [geometry["arcs"]] if geometry["type"] == "Polygon" else geometry["arcs"]
    return [next(ring for ring in polygon if any(y > POLE for _, y in joined(ring, arcs))) for polygon in polygons]


def joined(ring: list[int], arcs: list[Ring]) -> Ring:
    """A ring's points, from its arcs; each arc starts where the one before it ends."""
    points: Ring = []
    for number in ring:
        line = arcs[number] if number >= 0 else arcs[~number][::-1]
        points += line[bool(points) :]
    return without_jumps(points)


def area(ring: Ring) -> float:
    """Of a ring, in square degrees of latitude."""
    return ring_area(ring) * max(0.05, math.cos(math.radians(sum(y for _, y in ring) / len(ring))))


def kept_rings(geometry: dict[str, Any], arcs: list[Ring]) -> list[list[int]]:
    """A country's rings without small islands, largest first; its largest stays. The contiguous US is left out."""
    rings = sorted(outer_rings(geometry, arcs), key=lambda ring: -area(joined(ring, arcs)))
    if geometry.get("id") == US:
        rings = [ring for ring in rings if not contiguous_us(joined(ring, arcs))]
    return rings[:1] + [ring for ring in rings[1:] if area(joined(ring, arcs)) >= MIN_AREA_DEG2]


def contiguous_us(ring: Ring) -> bool:
    """Whether a ring of the US is the mainland or an island near it: us_states.json has these."""
    middle_x, middle_y = (sum(axis) / len(ring) for axis in zip(*ring, strict=True))
    (west, south), (east, north) = CONTIGUOUS_US
    return west < middle_x < east and south < middle_y < north


def world_json(topology: dict[str, Any]) -> str:
    """The outlines as JSON text, one arc or country a line, coordinates as steps from point to point."""
    arcs = decoded(topology)
    countries = {
        geometry["properties"]["name"]: kept_rings(geometry, arcs)
        for geometry in topology["objects"]["countries"]["geometries"]
    }
    used = sorted({max(number, ~number) for rings in countries.values() for ring in rings for number in ring})
    number_of = {arc: i for i, arc in enumerate(used)}
    numbered = {
        name: [[number_of[a] if a >= 0 else ~number_of[~a] for a in ring] for ring in rings]
        for name, rings in sorted(countries.items())
        if rings
    }
    lines = [_compact(steps(simplified(arcs[arc]))) for arc in used]
    named = [f"{json.dumps(name, ensure_ascii=False)}:{_compact(rings)}" for name, rings in numbered.items()]
    return '{"arcs":[\n' + ",\n".join(lines) + '\n],\n"countries":{\n' + ",\n".join(named) + "\n}}\n"


def _compact(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"))


def steps(line: Ring) -> list[int]:
    """x, y of the first point, then how far each point is from the one before it: whole `1 / STEPS_PER_DEG` degrees."""
    whole: list[Point] = [(round(x * STEPS_PER_DEG), round(y * STEPS_PER_DEG)) for x, y in line]
    found = [*map(int, whole[0])]
    for (x0, y0), (x1, y1) in pairwise(whole):
        if (x0, y0) != (x1, y1) or len(whole) == 2:
            found += [int(x1 - x0), int(y1 - y0)]
    return found


def main() -> None:
    """Writes world.json beside this script."""
    if len(sys.argv) != 2:
        raise SystemExit("give the path of countries-50m.json, from `npm pack world-atlas@2.0.2`")
    topology = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    write_text(HERE / "world.json", world_json(topology))


if __name__ == "__main__":
    main()
