# SPDX-License-Identifier: LGPL-2.1-or-later
"""Whole networks with few channels, every layer kind of their large originals."""

REFLECT = {"pad": [1, 1, 1, 1], "pad_mode": "reflect"}


def from_unit_range(g):
    g.node("affine")
    g.nodes[-1].update(scale=2.0, shift=-1.0)


def to_unit_range(g):
    g.node("affine")
    g.nodes[-1].update(scale=0.5, shift=0.5)


def conv_norm_relu(g, channels, kernel, **attributes):
    g.conv(channels, kernel, **attributes)
    g.norm()
    return g.node("relu")


def johnson(g):
    """Johnson et al. 2016 with instance norm and resize-convolutions."""
    from_unit_range(g)
    conv_norm_relu(g, 4, 9, pad=[4, 4, 4, 4], pad_mode="reflect")
    conv_norm_relu(g, 6, 3, stride=[2, 2], **REFLECT)
    last = conv_norm_relu(g, 8, 3, stride=[2, 2], **REFLECT)
    for _ in range(2):
        conv_norm_relu(g, 8, 3, **REFLECT)
        g.conv(8, 3, **REFLECT)
        last = g.node("add", g.norm(), last)
    for channels in (6, 4):
        g.node("upsample", factor=2, mode="nearest")
        conv_norm_relu(g, channels, 3, **REFLECT)
    g.conv(3, 9, pad=[4, 4, 4, 4], pad_mode="reflect")
    to_unit_range(g)


def fast(g):
    """The recipe's F4nb: depthwise residual blocks at a quarter, a skip at a half."""
    from_unit_range(g)
    g.node("pixel_unshuffle", channels=12, factor=2)
    skip = conv_norm_relu(g, 6, 3, **REFLECT)
    last = conv_norm_relu(g, 10, 3, stride=[2, 2], **REFLECT)
    for _ in range(2):
        g.conv(10, 3, groups=10, **REFLECT)
        conv_norm_relu(g, 10, 1)
        g.conv(10, 3, groups=10, **REFLECT)
        g.conv(10, 1)
        last = g.node("add", g.norm(), last)
    g.node("upsample", factor=2, mode="bilinear")
    g.node("add", conv_norm_relu(g, 6, 3, **REFLECT), skip)
    g.node("upsample", factor=2, mode="bilinear")
    g.conv(3, 3, **REFLECT)
    to_unit_range(g)


def tensorflow(g):
    """As TensorFlow models are: uneven zero padding, transposed convolutions, a scaled tanh, a large epsilon."""
    g.conv(4, 9, pad=[4, 4, 4, 4], bias=False)
    g.norm(eps=1e-3)
    g.node("relu")
    for channels in (6, 8):
        g.conv(channels, 3, stride=[2, 2], pad=[0, 1, 0, 1], bias=False)
        g.norm(eps=1e-3)
        g.node("relu")
    for channels in (6, 4):
        g.deconv(channels, 3, stride=[2, 2], pad=[0, 1, 0, 1], bias=False)
        g.norm(eps=1e-3)
        g.node("relu")
    g.conv(3, 9, pad=[4, 4, 4, 4], bias=False)
    g.norm(eps=1e-3)
    g.node("tanh")
    g.node("affine")
    g.nodes[-1].update(scale=150.0, shift=127.5)


CASES = {
    "johnson": (johnson, 29, 35),
    "fast": (fast, 28, 36),
    "tensorflow": (tensorflow, 20, 28),
}
