"""A film of a day as a GIF: trucks move on maps of some worlds, side by side."""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np
from matplotlib import get_data_path
from PIL import Image, ImageDraw, ImageFont

from regional_dispatch.envs.kernel.decisions.scorers import Scorers
from regional_dispatch.envs.render.kpi_window import clock
from regional_dispatch.envs.render.map import MapViewer
from regional_dispatch.envs.render.traffic import lane_packages, trucks_under_way
from regional_dispatch.envs.simulator import Simulator
from regional_dispatch.studies.report.charts import picture

DAY_HOURS = 24
FRAMES_A_TICK = 2
FRAME_MS = 120
_SMALLER = 2  # film pixels per map pixel, inverse
_GAP, _HEAD = 16, 46  # between maps, above them; pixels
_COLOURS = 255
_INK, _MUTED = "#1d2329", "#5d6670"


class Film(NamedTuple):
    """The film, and a still for print and for readers who turn motion off."""

    gif: bytes
    still: bytes  # PNG, its middle


def film(actors: Mapping[str, tuple[Simulator, Scorers]], hours: int = DAY_HOURS) -> Film:
    """Plays row 0 of some simulators and films it.

    Lanes keep their width of the start, which shows what they carried, so that only trucks move.

    Args:
        actors: title → simulator and scorers; all at the same tick of an episode. The simulators are played on.
        hours: how long to film, before the horizon. Unit: simulated hours.
    """
    frames = list(_frames(actors, hours))
    return Film(_gif(frames), picture(np.asarray(frames[len(frames) // 2])))


def _frames(actors: Mapping[str, tuple[Simulator, Scorers]], hours: int) -> Iterator[Image.Image]:
    views = {title: MapViewer(sim, small=True) for title, (sim, _) in actors.items()}
    lanes = {title: lane_packages(sim, 0, trucks_under_way(sim, 0)) for title, (sim, _) in actors.items()}
    scenario = next(iter(views.values())).sim.scenario
    for _ in range(round(hours / scenario.tick_hours)):
        for sim, scorers in actors.values():
            sim.run(scorers, sim.tick(0) + 1)
        for i in range(FRAMES_A_TICK - 1, -1, -1):
            yield _beside([_scene(view, title, lanes[title], i / FRAMES_A_TICK) for title, view in views.items()])


def _scene(view: MapViewer, title: str, lanes: np.ndarray, back: float) -> Image.Image:
    """One world at one moment: its title and clock above its map."""
    sim = view.sim
    ground = Image.fromarray(view.map_alone(lanes, back=back)).reduce(_SMALLER)
    width = ground.width
    scene = Image.new("RGB", (width, _HEAD + ground.height), "white")
    scene.paste(ground, (0, _HEAD))
    draw = ImageDraw.Draw(scene)
    draw.text((2, 2), title, _INK, _font("DejaVuSans-Bold", 19))
    draw.text((width - 2, 2), clock(sim, 0, back), _INK, _font("DejaVuSans-Bold", 19), anchor="ra")
    draw.text((2, 26), f"{len(trucks_under_way(sim, 0)):,} trucks on the road", _MUTED, _font("DejaVuSans", 14))
    return scene


def _font(name: str, size: int) -> ImageFont.FreeTypeFont:
    """One of the fonts that come with matplotlib."""
    return ImageFont.truetype(f"{get_data_path()}/fonts/ttf/{name}.ttf", size)


def _beside(scenes: Sequence[Image.Image]) -> Image.Image:
    width, height = scenes[0].size
    whole = Image.new("RGB", (len(scenes) * (width + _GAP) - _GAP, height), "white")
    for i, scene in enumerate(scenes):
        whole.paste(scene, (i * (width + _GAP), 0))
    return whole


def _gif(frames: Sequence[Image.Image]) -> bytes:
    """All frames in the palette of the first; one index stays free for pixels that do not change."""
    palette = frames[0].quantize(_COLOURS, Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE)
    first, *rest = (frame.quantize(palette=palette, dither=Image.Dither.NONE) for frame in frames)
    out = io.BytesIO()
    first.save(out, "gif", save_all=True, append_images=rest, duration=FRAME_MS, loop=0, optimize=True)
    return out.getvalue()
