#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""pictures.py FOLDER: draws three pictures that styles are trained on, mosaic.jpg, ink.jpg and watercolour.jpg.

Needs numpy and Pillow. The same pictures every time: all chance comes from a seed.
"""
import os
import sys

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

W, H = 960, 720


def noise(rng, w, h, cell, octaves=4, fall=0.5):
    """Smooth noise of about -1..1: random grids enlarged bicubically and added, each octave half as coarse."""
    total, weight = np.zeros((h, w)), 1.0
    for _ in range(octaves):
        size = (max(2, int(w / cell) + 2), max(2, int(h / cell) + 2))
        grid = Image.fromarray(rng.uniform(-1, 1, size[::-1]).astype(np.float32))
        total += weight * np.asarray(grid.resize((w, h), Image.BICUBIC))
        cell, weight = max(cell / 2, 2), weight * fall
    return total


def smooth(a, radius):
    image = Image.fromarray(np.clip(a * 255, 0, 255).astype(np.uint8))
    return np.asarray(image.filter(ImageFilter.GaussianBlur(radius))) / 255


def ridge(rng, base, height, roughness):
    """The upper line of a hill: a row of heights."""
    return base - height * noise(rng, W, 2, roughness, 5)[0]


# ---- mosaic ----------------------------------------------------------------------------------------------------------

def sea_and_sun(rng, x, y):
    """The design: a sun over waves, as an index of colours and the direction in which the stones are laid."""
    sun = np.hypot(x - 640, y - 230)
    wave = 430 + 38 * np.sin(x / 95 + 0.7) + 20 * np.sin(x / 41)
    depth = (y - wave) / 46
    swirl = 24 * np.sin(depth * 2.6 + x / 70)
    band = np.floor((y - wave + swirl) / 30).astype(int)
    ray = np.floor((np.arctan2(y - 230, x - 640) + np.pi) / (np.pi / 14)).astype(int)
    colour = np.where(ray % 2 == 0, 0, 1)
    colour = np.where(sun < 320, 2 + (np.floor(sun / 27).astype(int) % 2), colour)
    colour = np.where(sun < 120, 4, colour)
    colour = np.where(sun < 84, 5, colour)
    colour = np.where(y > wave, 6 + band % 4, colour)
    angle = np.where(y > wave, np.arctan2(np.cos(x / 95 + 0.7) * 0.4, 1), np.arctan2(y - 230, x - 640) + np.pi / 2)
    return colour, angle


MOSAIC = np.array([[28, 58, 122], [46, 104, 160], [222, 160, 60], [240, 196, 104], [214, 84, 44], [250, 224, 150],
                   [16, 92, 108], [32, 146, 140], [120, 196, 176], [232, 236, 214]], float)


def mosaic(rng):
    step = 13.0
    gx, gy = np.meshgrid(np.arange(-2, W / step + 3), np.arange(-2, H / step + 3))
    px = (gx + 0.5 * (gy % 2) + rng.uniform(-0.27, 0.27, gx.shape)) * step
    py = (gy + rng.uniform(-0.27, 0.27, gy.shape)) * step
    y, x = np.mgrid[0:H, 0:W].astype(float)
    column, row = (x / step).astype(int) + 2, (y / step).astype(int) + 2
    nearest, second = np.full((H, W), 1e9), np.full((H, W), 1e9)
    stone = np.zeros((H, W), int)
    for dy in range(-2, 3):
        for dx in range(-2, 3):
            r, c = np.clip(row + dy, 0, gx.shape[0] - 1), np.clip(column + dx, 0, gx.shape[1] - 1)
            angle = sea_and_sun(rng, px[r, c], py[r, c])[1]
            u, v = x - px[r, c], y - py[r, c]
            along, across = u * np.cos(angle) + v * np.sin(angle), v * np.cos(angle) - u * np.sin(angle)
            d = np.maximum(np.abs(along) * 0.92, np.abs(across) * 1.08) + 0.25 * np.hypot(u, v)
            closer = d < nearest
            second = np.where(closer, nearest, np.minimum(second, d))
            stone = np.where(closer, r * gx.shape[1] + c, stone)
            nearest = np.where(closer, d, nearest)
    colour = MOSAIC[sea_and_sun(rng, px, py)[0]] + rng.normal(0, 11, (*gx.shape, 1)) + rng.normal(0, 5, (*gx.shape, 3))
    tilt = rng.normal(0, 1.6, (gx.size, 2))
    picture = colour.reshape(-1, 3)[stone]
    light = (tilt[stone, 0] * (x - px.ravel()[stone]) + tilt[stone, 1] * (y - py.ravel()[stone]))
    picture = picture + light[..., None] + 4 * noise(rng, W, H, 4, 2)[..., None]
    joint = np.clip((second - nearest - 0.9) / 1.6, 0, 1)[..., None]
    return joint * picture + (1 - joint) * (np.array([58, 50, 46]) + 5 * noise(rng, W, H, 5, 2)[..., None])


# ---- ink ---------------------------------------------------------------------------------------------------------------

def hills_tone(rng):
    """Light and shade of a hilly land under clouds, 0 black to 1 white, and each pixel's direction of hatching."""
    y, x = np.mgrid[0:H, 0:W].astype(float)
    cloud = noise(rng, W, H, 260, 5)
    tone = np.clip(0.93 - 0.32 * np.clip(cloud - 0.1, 0, 1), 0, 1)
    angle = 0.25 * cloud
    outlines = []
    for i, (base, height, rough) in enumerate([(330, 90, 380), (400, 70, 300), (500, 80, 340), (600, 60, 260)]):
        line = ridge(rng, base, height, rough)
        inside = y > line[None, :]
        fold = noise(rng, W, H, 120 - 15 * i, 4)
        slope = np.clip((y - line[None, :]) / 120, 0, 1)
        shade = np.clip(0.86 - 0.13 * i + 0.30 * fold - 0.24 * slope, 0.04, 1)
        tone, angle = np.where(inside, shade, tone), np.where(inside, 0.9 - 0.5 * i + 0.5 * fold, angle)
        outlines.append(line)
    return tone, angle, outlines


def stroke(draw, rng, x, y, angle, length, width, scale):
    """A pen line that follows the field of directions, with an unsteady hand."""
    points = [(x, y)]
    for _ in range(int(length / 4)):
        c, r = int(min(max(x, 0), W - 1)), int(min(max(y, 0), H - 1))
        a = angle[r, c] + rng.normal(0, 0.05)
        x, y = x + 4 * np.cos(a), y + 4 * np.sin(a)
        points.append((x, y))
    draw.line([(px * scale, py * scale) for px, py in points], fill=0, width=width, joint="curve")


def tree(draw, rng, x, y, size, scale):
    for _ in range(int(size * 3.2)):
        a, d = rng.uniform(0, 2 * np.pi), size * np.sqrt(rng.uniform(0, 1))
        cx, cy = x + 0.62 * d * np.cos(a), y - size + d * np.sin(a)
        r = rng.uniform(2, 5)
        dark = 1 if np.cos(a) > 0 else 0.35
        if rng.uniform() < dark:
            start = rng.uniform(0, 360)
            draw.arc([(cx - r) * scale, (cy - r) * scale, (cx + r) * scale, (cy + r) * scale], start, start + 200, fill=0,
                     width=2 if dark == 1 else 1)
    for _ in range(5):
        dx = rng.uniform(-2, 2)
        draw.line([((x + dx) * scale, y * scale), ((x + 0.4 * dx) * scale, (y - size) * scale)], fill=0, width=2)


def ink(rng):
    scale = 3
    tone, angle, outlines = hills_tone(rng)
    page = Image.new("L", (W * scale, H * scale), 255)
    draw = ImageDraw.Draw(page)
    for level, turn in ((0.80, 0.0), (0.60, 0.9), (0.42, -0.7), (0.26, 1.6)):
        for y in np.arange(2, H, 5.2):
            for x in np.arange(2, W, 9.0):
                px, py = x + rng.uniform(-4, 4), y + rng.uniform(-2.4, 2.4)
                if tone[int(min(max(py, 0), H - 1)), int(min(max(px, 0), W - 1))] < level + rng.normal(0, 0.05):
                    stroke(draw, rng, px, py, angle + turn, rng.uniform(12, 30), int(rng.integers(2, 4)), scale)
    for line in outlines:
        for offset in (0, 1.3):
            points = [(x * scale, (line[x] + offset + rng.normal(0, 0.5)) * scale) for x in range(0, W, 6)]
            draw.line(points, fill=0, width=5 if offset == 0 else 2, joint="curve")
    for _ in range(46):
        x, which = rng.uniform(0, W), int(rng.integers(1, 4))
        tree(draw, rng, x, outlines[which][int(x)] + rng.uniform(4, 60), rng.uniform(14, 44) * (0.6 + 0.25 * which), scale)
    drawn = np.asarray(page.resize((W, H), Image.LANCZOS)) / 255
    paper = np.array([244, 236, 216]) + 3 * noise(rng, W, H, 8, 3)[..., None]
    return drawn[..., None] * paper + (1 - drawn[..., None]) * np.array([24, 22, 34])


# ---- watercolour -----------------------------------------------------------------------------------------------------

def wash(paper, rng, mask, pigment, strength, fade=None):
    """
    Lays a transparent wash: uneven inside, with the dark rim that drying leaves and grains in the paper's hollows.
    fade: the share of pigment that each pixel gets.
    """
    wobble = 0.5 * noise(rng, W, H, 60, 5, 0.6) + 0.25 * noise(rng, W, H, 14, 3)
    edge = np.clip((smooth(mask, 9) - 0.5 + 0.16 * wobble) * 9 + 0.5, 0, 1)
    rim = np.clip(edge - smooth(edge, 5), 0, 1)
    flow = np.clip(0.55 + 0.5 * noise(rng, W, H, 170, 5, 0.6), 0.08, 1.3)
    bloom = np.abs(noise(rng, W, H, 90, 4, 0.6))
    backrun = np.clip(0.10 - bloom, 0, 1) * 4
    grain = 1 + 0.16 * noise(rng, W, H, 3, 2)
    amount = strength * (edge * (flow + backrun) * grain + 1.1 * rim)
    if fade is not None:
        amount = amount * fade
    return paper * np.exp(-amount[..., None] * (1 - np.array(pigment) / 255) * 1.7)


def flowers(paper, rng, pigment, many):
    """Petals round a dark middle."""
    y, x = np.mgrid[0:H, 0:W].astype(float)
    petals, middles = np.zeros((H, W)), np.zeros((H, W))
    for _ in range(many):
        cx, cy, r = rng.uniform(0, W), rng.uniform(470, H), rng.uniform(18, 48)
        angle = np.arctan2(y - cy, x - cx) * rng.integers(4, 7) + rng.uniform(0, 6)
        d = np.hypot(x - cx, (y - cy) * 1.25)
        petals = np.maximum(petals, (d < r * (0.75 + 0.25 * np.cos(angle))).astype(float))
        middles = np.maximum(middles, (d < 0.2 * r).astype(float))
    return wash(wash(paper, rng, petals, pigment, 1.1), rng, middles, (70, 40, 60), 1.2)


def watercolour(rng):
    y, x = np.mgrid[0:H, 0:W].astype(float)
    paper = np.array([252, 249, 240]) / 255 * np.ones((H, W, 3))
    sky = noise(rng, W, H, 230, 5)
    paper = wash(paper, rng, (y < 400 + 60 * sky).astype(float), (70, 150, 222), 0.9, np.clip(0.25 + 1.1 * sky, 0, 1))
    paper = wash(paper, rng, (np.hypot((x - 640) / 1.5, y - 330) < 150 + 60 * sky).astype(float), (250, 178, 80), 0.9,
                 np.exp(-np.hypot((x - 640) / 1.5, y - 330) / 130))
    paper = wash(paper, rng, ((y < 260) & (noise(rng, W, H, 170, 4) > 0.3)).astype(float), (150, 110, 200), 0.7)
    paper = wash(paper, rng, (np.hypot(x - 640, y - 262) < 50).astype(float), (240, 84, 52), 1.2)
    hills = [(330, 80, 330, (120, 140, 214), 0.8), (390, 80, 300, (60, 140, 180), 0.9), (455, 60, 260, (40, 160, 140), 1.0),
             (530, 55, 240, (120, 176, 60), 1.1), (610, 36, 200, (214, 190, 60), 1.0)]
    for base, height, rough, pigment, strength in hills:
        line = ridge(rng, base, height, rough)[None, :]
        paper = wash(paper, rng, (y > line).astype(float), pigment, strength, 0.12 + 0.88 * np.exp(-np.abs(y - line) / 70))
    for pigment in ((226, 44, 84), (246, 140, 30), (120, 60, 180), (30, 110, 200)):
        paper = flowers(paper, rng, pigment, 9)
    return 255 * paper * (1 + 0.018 * noise(rng, W, H, 3, 2)[..., None])


def main():
    folder = sys.argv[1]
    os.makedirs(folder, exist_ok=True)
    for seed, (name, draw) in enumerate([("mosaic", mosaic), ("ink", ink), ("watercolour", watercolour)]):
        picture = np.clip(draw(np.random.default_rng(2016 + seed)), 0, 255).astype(np.uint8)
        Image.fromarray(picture).save(os.path.join(folder, name + ".jpg"), quality=88)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main()
