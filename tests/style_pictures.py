# SPDX-License-Identifier: LGPL-2.1-or-later
"""style_pictures.py make FOLDER: pictures of every kind that people give as a style, and some that are none.
style_pictures.py look PICTURE STYLE.nsw: exit status 1, with the reason, where PICTURE is black, blank or nearly so, or a
number of the style is not finite.

Only what nst refuses has a name that begins with "no-".
"""
import array
import json
import math
import os
import random
import struct
import sys

from PIL import Image, ImageDraw, ImageFilter, ImageStat


def photo(width, height, seed=1):
    """Blurred noise of several sizes, as smooth and as rough as a photo."""
    source = random.Random(seed)
    planes = []
    for _ in range(3):
        plane = Image.new("L", (width, height))
        for share, cells in ((1.0, 3), (0.5, 12), (0.3, 48)):
            coarse = Image.frombytes("L", (cells, cells), source.randbytes(cells * cells))
            plane = Image.blend(plane, coarse.resize((width, height), Image.BICUBIC), share)
        planes.append(plane)
    return Image.merge("RGB", planes)


def drawing(width, height, mode="RGB", ink=(20, 20, 30), paper=(250, 248, 240)):
    """Pen strokes."""
    source = random.Random(2)
    image = Image.new(mode, (width, height), paper)
    draw = ImageDraw.Draw(image)
    for _ in range(90):
        x, y = source.randrange(width), source.randrange(height)
        draw.line((x, y, x + source.randrange(-60, 60), y + source.randrange(-60, 60)), ink, 3)
    return image


def gray16(width, height):
    """A ramp of 16 bits."""
    values = array.array("H", (min(65535, x * 200 + y * 97) for y in range(height) for x in range(width)))
    return Image.frombytes("I;16", (width, height), values.tobytes())


def palette_with_holes(width, height):
    image = photo(width, height).quantize(16)
    image.info["transparency"] = 3
    return image


def transparent(width, height):
    image = photo(width, height).convert("RGBA")
    image.putalpha(0)
    return image


def half_transparent(width, height):
    image = photo(width, height).convert("RGBA")
    image.putalpha(Image.linear_gradient("L").resize((width, height)))
    return image


def checkerboard(side, cell):
    image = Image.new("L", (side // cell, side // cell))
    image.putdata([255 * ((x + y) % 2) for y in range(side // cell) for x in range(side // cell)])
    return image.resize((side, side), Image.NEAREST)


def make(folder):
    def save(image, name, **options):
        image.save(os.path.join(folder, name), **options)

    save(photo(300, 200), "photo.jpg", quality=90)
    save(drawing(260, 200), "drawing.png")
    save(photo(200, 160).convert("L"), "gray.png")
    save(gray16(160, 160), "gray16.png")
    save(drawing(200, 200, "1", 0, 1), "one-bit.png")
    save(palette_with_holes(180, 180), "palette-with-holes.png", transparency=3)
    save(half_transparent(180, 180), "half-transparent.png")
    save(photo(300, 300).filter(ImageFilter.GaussianBlur(30)), "soft.webp")
    save(photo(200, 150).convert("CMYK"), "cmyk.jpg")
    turned = Image.Exif()
    turned[0x0112] = 6
    save(photo(240, 120), "turned.jpg", exif=turned)
    frames = [photo(120, 120, seed) for seed in (1, 2, 3)]
    save(frames[0], "animated.gif", save_all=True, append_images=frames[1:])
    save(checkerboard(256, 8), "checkerboard.png")
    save(checkerboard(128, 1), "checkerboard-of-pixels.png")
    near = Image.new("RGB", (200, 200), (90, 120, 60))
    ImageDraw.Draw(near).ellipse((40, 40, 160, 160), (98, 126, 66))
    save(near, "near-one-colour.png")
    save(drawing(240, 160, "L", 0, 255).resize((12000, 8000), Image.NEAREST).convert("1"), "huge.png")
    save(photo(64, 64), "smallest.png")
    save(photo(1600, 600), "wide.jpg")
    with open(os.path.join(folder, "photo.jpg"), "rb") as file:
        whole = file.read()
    with open(os.path.join(folder, "no-half.jpg"), "wb") as file:
        file.write(whole[:len(whole) // 2])

    save(transparent(180, 180), "no-all-transparent.png")
    save(Image.new("RGB", (200, 200), (200, 30, 30)), "no-one-colour.png")
    save(Image.new("L", (200, 200)), "no-black.png")
    save(Image.new("RGB", (1, 1), (9, 99, 199)), "no-single-pixel.png")
    save(photo(8, 8), "no-tiny.png")
    save(photo(16, 400), "no-strip.png")
    save(photo(9000, 60), "no-ribbon.jpg")
    with open(os.path.join(folder, "no-header-alone.jpg"), "wb") as file:
        file.write(whole[:200])
    with open(os.path.join(folder, "no-picture.jpg"), "w") as file:
        file.write("This is no picture.\n")
    open(os.path.join(folder, "no-empty.png"), "w").close()


def numbers(path):
    """All tensors of a style, one after the other."""
    with open(path, "rb") as file:
        size, = struct.unpack("<Q", file.read(8))
        header = json.loads(file.read(size))
        data = file.read()
    for name, tensor in header.items():
        if name != "__metadata__":
            begin, end = tensor["data_offsets"]
            letter, width = {"F32": ("f", 4), "F16": ("e", 2)}[tensor["dtype"]]
            yield name, struct.unpack(f"<{(end - begin) // width}{letter}", data[begin:end])


def look(picture, style):
    for name, values in numbers(style):
        if not all(map(math.isfinite, values)):
            sys.exit(f"{style}: {name} is not finite")
    stat = ImageStat.Stat(Image.open(picture).convert("RGB"))
    if max(stat.mean) < 20 or min(stat.mean) > 250:
        sys.exit(f"{picture}: black or white: mean {stat.mean}")
    if max(stat.stddev) < 10:
        sys.exit(f"{picture}: blank: deviation {stat.stddev}")


if __name__ == "__main__":
    {"make": make, "look": look}[sys.argv[1]](*sys.argv[2:])
