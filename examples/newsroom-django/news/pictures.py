"""The pictures of the samples: drawn, so that the repository has no photographs."""

from __future__ import annotations

import io
import random

from PIL import Image, ImageColor, ImageDraw

__all__ = ["draw"]

SIZE = (1200, 800)


def draw(colours: tuple[str, str, str, str], seed: str) -> bytes:
    """A landscape under a sky, as a PNG: `colours` are those of the sky above, the horizon, the hills and the light. The same
    `seed` draws the same hills."""
    above, horizon, hills, light = colours
    width, height = SIZE
    picture = Image.new("RGB", SIZE)
    canvas, chance = ImageDraw.Draw(picture), random.Random(seed)
    for y in range(height):
        canvas.line([(0, y), (width, y)], fill=_between(above, horizon, y / height))
    x, y, radius = chance.randint(200, 1000), chance.randint(120, 320), chance.randint(40, 70)
    canvas.ellipse([x - radius, y - radius, x + radius, y + radius], fill=light)
    for range_ in range(3):
        outline = [(0, height)]
        level = 480 + 90 * range_
        for step in range(0, width + 101, 100):
            outline.append((step, level + chance.randint(-60, 60)))
        canvas.polygon([*outline, (width, height)], fill=_between(horizon, hills, (range_ + 1) / 3))
    png = io.BytesIO()
    picture.save(png, "PNG")
    return png.getvalue()


def _between(one: str, other: str, part: float) -> tuple[int, ...]:
    pairs = zip(ImageColor.getrgb(one), ImageColor.getrgb(other), strict=True)
    return tuple(round(a + (b - a) * part) for a, b in pairs)
