# SPDX-License-Identifier: LGPL-2.1-or-later
"""The layer cases: every op, with every combination of attributes that matters."""


def conv(channels, kernel, widen=0, **attributes):
    """A convolution, after a 1x1 one to `widen` channels where the picture's three do not do."""
    def build(g):
        if widen:
            g.conv(widen, 1)
        g.conv(channels, kernel, **attributes)
    return build


def deconv(channels, kernel, widen=0, **attributes):
    def build(g):
        if widen:
            g.conv(widen, 1)
        g.deconv(channels, kernel, **attributes)
    return build


def one(op, widen=0, **attributes):
    def build(g):
        if widen:
            g.conv(widen, 1)
        g.node(op, **attributes)
    return build


def shuffle(factor, channels):
    def build(g):
        g.conv(channels * factor * factor, 1)
        g.node("pixel_shuffle", channels=channels, factor=factor)
    return build


def unshuffle(factor):
    def build(g):
        g.node("pixel_unshuffle", channels=3 * factor * factor, factor=factor)
    return build


def norm(widen=0, **attributes):
    def build(g):
        if widen:
            g.conv(widen, 1)
        g.norm(**attributes)
    return build


def affine_numbers(g):
    g.node("affine")
    g.nodes[-1].update(scale=2.5, shift=-0.75)


def affine_tensors(scale, shift):
    def build(g):
        g.node("affine", weight=(3,) if scale else None, bias=(3,) if shift else None)
    return build


def add(g):
    g.node("add", g.conv(4, 3, "input", pad=[1, 1, 1, 1]), g.conv(4, 1, "input"))


def mul(g):
    g.node("mul", g.conv(4, 3, "input", pad=[1, 1, 1, 1]), g.conv(4, 1, "input"))


def square(g):
    g.node("mul", "input", "input")


def twice(g):
    g.node("add", "input", "input")


def concat(g):
    a, b = g.conv(2, 1, "input"), g.conv(5, 3, "input", pad=[1, 1, 1, 1])
    g.node("concat", a, "input", b, channels=10)


def concat_same(g):
    a = g.conv(2, 1, "input")
    g.node("concat", a, "input", a, channels=7)
    g.conv(3, 1)


def concat_one(g):
    g.node("concat", "input")


def fan_out(g):
    """One value read by three nodes: its gradients add up."""
    a = g.conv(4, 3, pad=[1, 1, 1, 1], pad_mode="reflect")
    b, c = g.node("tanh", a), g.conv(4, 3, a, pad=[1, 1, 1, 1])
    g.node("add", g.node("mul", b, c), a)


def shared_weights(g):
    """Two convolutions with one weight: its gradients add up."""
    a = g.conv(3, 3, pad=[1, 1, 1, 1])
    b = g.conv(3, 3, pad=[1, 1, 1, 1])
    for key in ("weight", "bias"):
        del g.tensors[f"{b}.{key}"]
        g.nodes[-1][key] = f"{a}.{key}"


def tap_in_the_middle(g):
    a = g.conv(4, 3, pad=[1, 1, 1, 1])
    b = g.node("tanh")
    c = g.conv(5, 3, stride=[2, 2])
    return [a, b, c]


def tap_before_relu(g):
    """The value that relu reads is read by the caller too, so relu may not run in place."""
    a = g.conv(4, 3)
    b = g.node("relu")
    c = g.norm()
    return [a, b, c]


def tap_not_last(g):
    """Nothing after the only tap may count."""
    a = g.conv(4, 3)
    g.conv(2, 1)
    return [a]


def conv_norm_relu(g):
    g.conv(6, 3, pad=[1, 1, 1, 1], pad_mode="reflect")
    g.norm()
    g.node("relu")
    g.conv(3, 3, pad=[1, 1, 1, 1], pad_mode="reflect")


def residual(g):
    a = g.conv(6, 1)
    g.conv(6, 3, pad=[1, 1, 1, 1], pad_mode="reflect", groups=6, bias=False)
    g.conv(6, 1)
    g.norm()
    g.node("relu")
    g.conv(6, 3, pad=[1, 1, 1, 1], pad_mode="reflect", groups=6, bias=False)
    g.conv(6, 1, bias=False)
    g.node("add", a, g.norm())


def upsampled_conv(mode):
    def build(g):
        g.conv(4, 3)
        g.node("upsample", factor=2, mode=mode)
        g.conv(3, 3, pad=[1, 1, 1, 1], pad_mode="reflect")
    return build


SAME = {"pad": [1, 1, 1, 1], "pad_mode": "reflect"}


def depthwise(g, channels, *inputs, **attributes):
    return g.conv(channels, 3, *inputs, groups=channels, bias=False, **attributes)


def separable(channels, to, **attributes):
    """A depthwise and a 1x1 convolution, which an engine may run as one."""
    def build(g):
        g.conv(channels, 1)
        depthwise(g, channels, **attributes)
        g.conv(to, 1)
    return build


def separable_tapped(g):
    g.conv(9, 1)
    a = depthwise(g, 9, **SAME)
    return [a, g.conv(5, 1)]


def separable_shared(g):
    """The depthwise result is read twice."""
    g.conv(9, 1)
    a = depthwise(g, 9, **SAME)
    g.node("add", g.conv(9, 1, a), a)


def separable_relu(g):
    g.conv(9, 1)
    depthwise(g, 9, **SAME)
    g.node("relu")
    g.conv(5, 1)


def separable_twice(g):
    g.conv(10, 1)
    for _ in range(2):
        depthwise(g, 10, **SAME)
        g.conv(10, 1)


def separable_enlarged(g):
    g.conv(9, 1)
    g.node("upsample", factor=2, mode="bilinear")
    depthwise(g, 9, **SAME)
    g.conv(5, 1)


def enlarged(mode, factor, kernel, pads, to=8, stride=1, pad_mode="reflect"):
    """An enlargement that a convolution reads."""
    def build(g):
        g.conv(8, 1)
        g.node("upsample", factor=factor, mode=mode)
        g.conv(to, kernel, pad=pads, pad_mode=pad_mode, stride=[stride, stride])
    return build


def enlarged_tapped(g):
    g.conv(8, 1)
    a = g.node("upsample", factor=2, mode="bilinear")
    return [a, g.conv(8, 3, **SAME)]


def enlarged_shared(g):
    g.conv(8, 1)
    a = g.node("upsample", factor=2, mode="nearest")
    g.node("add", g.conv(8, 3, a, **SAME), a)


def enlarged_twice(g):
    g.conv(8, 1)
    g.node("upsample", factor=2, mode="bilinear")
    g.node("upsample", factor=2, mode="nearest")
    g.conv(3, 3, **SAME)


def padded_conv(mode, node_pad, pad):
    """A padding node before a convolution that pads too."""
    def build(g):
        g.conv(8, 1)
        g.node("pad", pad=node_pad, pad_mode=mode)
        g.conv(8, 3, pad=pad)
    return build


def relu_norm(g):
    """Not the usual order"""
    g.conv(9, 3, **SAME)
    g.node("relu")
    g.norm()
    g.conv(9, 3, **SAME)


def norm_shared(g):
    """A norm and the convolution before it are read by others too."""
    a = g.conv(8, 3, **SAME)
    b = g.norm()
    c = g.node("tanh", b)
    g.node("add", g.node("mul", b, c), a)


def norm_add_relu(g):
    a = g.conv(8, 1)
    g.conv(8, 3, **SAME)
    g.node("add", g.norm(), a)
    g.node("relu")
    g.conv(3, 1)


def affine_conv_affine(g):
    g.node("affine")
    g.nodes[-1].update(scale=2.0, shift=-1.0)
    g.conv(8, 3, **SAME)
    g.node("affine", weight=(8,), bias=(8,))
    g.conv(3, 9, pad=[4, 4, 4, 4], pad_mode="reflect")
    g.node("affine")
    g.nodes[-1].update(scale=0.5, shift=0.5)


def pool(op, kernel, stride, widen=0, **attributes):
    return one(op, widen, kernel=kernel, stride=stride, **attributes)


CONV = {
    "conv-1x1": (conv(5, 1), 7, 9),
    "conv-1x1-stride2": (conv(5, 1, stride=[2, 2]), 7, 9),
    "conv-1x1-padded": (conv(4, 1, pad=[1, 2, 0, 1]), 4, 5),
    "conv-1x1-wide": (conv(40, 1, widen=37), 11, 13),
    "conv-3x3": (conv(5, 3), 7, 9),
    "conv-3x3-no-bias": (conv(5, 3, bias=False), 7, 9),
    "conv-3x3-zero": (conv(5, 3, pad=[1, 1, 1, 1]), 7, 9),
    "conv-3x3-reflect": (conv(5, 3, pad=[1, 1, 1, 1], pad_mode="reflect"), 7, 9),
    "conv-3x3-replicate": (conv(5, 3, pad=[1, 1, 1, 1], pad_mode="replicate"), 7, 9),
    "conv-3x3-wide": (conv(19, 3, widen=17, pad=[1, 1, 1, 1], pad_mode="reflect"), 15, 22),
    "conv-3x3-8-to-8": (conv(8, 3, widen=8, pad=[1, 1, 1, 1]), 8, 8),
    "conv-3x3-12-to-9": (conv(9, 3, widen=12), 13, 12),
    "conv-3x3-16-to-16": (conv(16, 3, widen=16, bias=False, pad=[1, 1, 1, 1], pad_mode="replicate"), 9, 18),
    "conv-3x3-33-to-10-uneven": (conv(10, 3, widen=33, pad=[0, 3, 2, 1], pad_mode="reflect"), 10, 9),
    "conv-3x3-of-1x70-wide": (conv(8, 3, widen=9, pad=[1, 1, 1, 1], pad_mode="reflect"), 1, 70),
    "conv-3x3-to-1": (conv(1, 3, pad=[1, 1, 1, 1]), 5, 64),
    "conv-3x3-stride2": (conv(5, 3, stride=[2, 2], pad=[1, 1, 1, 1]), 8, 11),
    "conv-3x3-stride2-tf-same": (conv(5, 3, stride=[2, 2], pad=[0, 1, 0, 1]), 8, 10),
    "conv-3x3-stride3": (conv(5, 3, stride=[3, 3], pad=[1, 1, 1, 1], pad_mode="reflect"), 11, 13),
    "conv-3x3-stride1x2": (conv(5, 3, stride=[1, 2], pad=[1, 1, 1, 1]), 6, 11),
    "conv-3x3-stride2x1": (conv(5, 3, stride=[2, 1], pad=[1, 1, 1, 1], pad_mode="replicate"), 7, 6),
    "conv-3x3-stride2-wide": (conv(24, 3, widen=16, stride=[2, 2], pad=[1, 1, 1, 1], pad_mode="reflect"), 19, 37),
    "conv-3x3-dilation2": (conv(4, 3, dilation=[2, 2], pad=[2, 2, 2, 2], pad_mode="reflect"), 9, 8),
    "conv-3x3-dilation3x1": (conv(4, 3, dilation=[3, 1], pad=[3, 3, 1, 1]), 9, 8),
    "conv-3x3-dilation2-stride2": (conv(4, 3, dilation=[2, 2], stride=[2, 2], pad=[2, 1, 0, 2]), 10, 9),
    "conv-9x9-reflect": (conv(4, 9, pad=[4, 4, 4, 4], pad_mode="reflect"), 10, 13),
    "conv-9x9-zero": (conv(3, 9, pad=[4, 4, 4, 4]), 6, 5),
    "conv-2x2": (conv(4, 2), 6, 7),
    "conv-4x4-stride2": (conv(4, 4, stride=[2, 2], pad=[1, 1, 1, 1]), 8, 10),
    "conv-4x4-uneven-pad": (conv(4, 4, pad=[1, 2, 1, 2], pad_mode="reflect"), 8, 10),
    "conv-1x5": (conv(4, (1, 5), pad=[0, 0, 2, 2], pad_mode="replicate"), 6, 9),
    "conv-5x2": (conv(4, (5, 2), pad=[3, 1, 0, 1]), 6, 9),
    "conv-pad-zero-uneven": (conv(4, 3, pad=[0, 3, 2, 1]), 5, 6),
    "conv-pad-reflect-uneven": (conv(4, 3, pad=[0, 3, 2, 1], pad_mode="reflect"), 5, 6),
    "conv-pad-replicate-uneven": (conv(4, 3, pad=[0, 3, 2, 1], pad_mode="replicate"), 5, 6),
    "conv-pad-zero-uneven-stride2": (conv(4, 3, pad=[2, 0, 0, 3], stride=[2, 2]), 6, 7),
    "conv-pad-reflect-uneven-stride3": (conv(4, 3, pad=[2, 0, 0, 3], pad_mode="reflect", stride=[3, 3]), 6, 7),
    "conv-pad-reflect-repeated": (conv(3, 3, pad=[5, 4, 7, 3], pad_mode="reflect"), 2, 3),
    "conv-pad-replicate-far": (conv(3, 3, pad=[5, 4, 7, 3], pad_mode="replicate"), 2, 3),
    "conv-groups2": (conv(6, 3, widen=4, groups=2, pad=[1, 1, 1, 1]), 6, 7),
    "conv-groups3-stride2": (conv(6, 3, groups=3, stride=[2, 2], pad=[1, 1, 1, 1], pad_mode="reflect"), 6, 7),
    "conv-groups4-1x1": (conv(8, 1, widen=8, groups=4), 6, 7),
    "depthwise-3x3": (conv(3, 3, groups=3, pad=[1, 1, 1, 1]), 6, 7),
    "depthwise-3x3-reflect-wide": (conv(12, 3, widen=12, groups=12, pad=[1, 1, 1, 1], pad_mode="reflect"), 13, 37),
    "depthwise-3x3-no-bias": (conv(3, 3, groups=3, bias=False, pad=[1, 1, 1, 1], pad_mode="reflect"), 6, 17),
    "depthwise-3x3-stride2": (conv(6, 3, widen=6, groups=6, stride=[2, 2], pad=[1, 1, 1, 1]), 9, 21),
    "depthwise-3x3-stride3": (conv(3, 3, groups=3, stride=[3, 3], pad=[0, 1, 2, 1], pad_mode="reflect"), 9, 20),
    "depthwise-3x3-dilation2": (conv(3, 3, groups=3, dilation=[2, 2], pad=[2, 2, 2, 2], pad_mode="replicate"), 7, 18),
    "depthwise-5x5": (conv(3, 5, groups=3, pad=[2, 2, 2, 2], pad_mode="reflect"), 7, 11),
    "depthwise-2x4": (conv(3, (2, 4), groups=3, pad=[1, 0, 1, 2]), 7, 11),
    "depthwise-multiplier2": (conv(6, 3, groups=3, pad=[1, 1, 1, 1]), 6, 7),
    "conv-3x3-of-1x1": (conv(4, 3, pad=[1, 1, 1, 1], pad_mode="reflect"), 1, 1),
    "conv-3x3-zero-of-1x1": (conv(4, 3, pad=[1, 1, 1, 1]), 1, 1),
    "conv-3x3-of-2x3": (conv(4, 3, pad=[1, 1, 1, 1], pad_mode="reflect"), 2, 3),
    "conv-3x3-of-1x40": (conv(4, 3, pad=[1, 1, 1, 1], pad_mode="reflect"), 1, 40),
    "conv-3x3-of-40x1": (conv(4, 3, pad=[1, 1, 1, 1], pad_mode="replicate"), 40, 1),
}

DECONV = {
    "deconv-3x3": (deconv(4, 3), 5, 6),
    "deconv-3x3-no-bias": (deconv(4, 3, bias=False), 5, 6),
    "deconv-1x1": (deconv(4, 1), 5, 6),
    "deconv-3x3-stride2-output1": (deconv(4, 3, stride=[2, 2], pad=[1, 1, 1, 1], output_pad=[1, 1]), 5, 6),
    "deconv-3x3-stride2-tf-same": (deconv(4, 3, stride=[2, 2], pad=[0, 1, 0, 1]), 5, 6),
    "deconv-3x3-stride3-output2x1": (deconv(4, 3, stride=[3, 3], pad=[1, 0, 0, 1], output_pad=[2, 1]), 4, 5),
    "deconv-3x3-output-beyond": (deconv(4, 3, stride=[2, 2], output_pad=[1, 1]), 4, 5),
    "deconv-4x4-stride2": (deconv(4, 4, stride=[2, 2], pad=[1, 1, 1, 1]), 5, 6),
    "deconv-2x2-stride2": (deconv(4, 2, stride=[2, 2]), 5, 6),
    "deconv-2x2-stride3": (deconv(4, 2, stride=[3, 3]), 4, 5),
    "deconv-9x9": (deconv(3, 9, pad=[4, 4, 4, 4]), 6, 7),
    "deconv-stride1x2": (deconv(4, (3, 4), stride=[1, 2], pad=[1, 1, 0, 2]), 5, 6),
    "deconv-uneven-crop": (deconv(4, 5, stride=[2, 2], pad=[3, 0, 1, 2], output_pad=[0, 1]), 5, 6),
    "deconv-groups2": (deconv(6, 3, widen=4, groups=2, stride=[2, 2], pad=[1, 1, 1, 1]), 5, 6),
    "deconv-depthwise": (deconv(3, 4, groups=3, stride=[2, 2], pad=[1, 1, 1, 1]), 5, 6),
    "deconv-dilation2": (deconv(4, 3, dilation=[2, 2], stride=[2, 2], pad=[1, 2, 2, 1]), 5, 6),
    "deconv-dilation1x3": (deconv(4, 3, dilation=[1, 3]), 5, 6),
    "deconv-wide": (deconv(12, 3, widen=20, stride=[2, 2], pad=[1, 1, 1, 1], output_pad=[1, 1]), 9, 14),
    "deconv-of-1x1": (deconv(4, 3, stride=[2, 2], pad=[1, 1, 1, 1], output_pad=[1, 1]), 1, 1),
    "deconv-of-2x3": (deconv(4, 4, stride=[2, 2], pad=[1, 1, 1, 1]), 2, 3),
}

OTHER = {
    "norm": (norm(), 7, 9),
    "norm-plain": (norm(scale=False, shift=False), 7, 9),
    "norm-scale": (norm(shift=False), 7, 9),
    "norm-shift": (norm(scale=False), 7, 9),
    "norm-eps-1e-3": (norm(eps=1e-3), 5, 4),
    "norm-eps-0.5": (norm(eps=0.5), 5, 4),
    "norm-wide": (norm(widen=7), 19, 37),
    "norm-of-1x1": (norm(), 1, 1),
    "norm-of-2x3": (norm(), 2, 3),
    "relu": (one("relu"), 7, 9),
    "relu-of-1x1": (one("relu"), 1, 1),
    "tanh": (one("tanh"), 7, 9),
    "add": (add, 6, 7),
    "add-twice": (twice, 6, 7),
    "mul": (mul, 6, 7),
    "mul-square": (square, 6, 7),
    "affine": (affine_numbers, 6, 7),
    "affine-scale": (affine_tensors(True, False), 6, 7),
    "affine-shift": (affine_tensors(False, True), 6, 7),
    "affine-both": (affine_tensors(True, True), 6, 7),
    "nearest-2": (one("upsample", factor=2, mode="nearest"), 6, 7),
    "nearest-3": (one("upsample", factor=3, mode="nearest"), 5, 4),
    "bilinear-2": (one("upsample", factor=2, mode="bilinear"), 6, 7),
    "bilinear-3": (one("upsample", factor=3, mode="bilinear"), 5, 4),
    "bilinear-2-wide": (one("upsample", widen=4, factor=2, mode="bilinear"), 9, 33),
    "bilinear-2-of-1x1": (one("upsample", factor=2, mode="bilinear"), 1, 1),
    "bilinear-3-of-2x1": (one("upsample", factor=3, mode="bilinear"), 2, 1),
    "nearest-2-of-1x1": (one("upsample", factor=2, mode="nearest"), 1, 1),
    "nearest-conv": (upsampled_conv("nearest"), 7, 6),
    "bilinear-conv": (upsampled_conv("bilinear"), 7, 6),
    "shuffle-2": (shuffle(2, 3), 5, 6),
    "shuffle-3": (shuffle(3, 2), 3, 4),
    "unshuffle-2": (unshuffle(2), 6, 8),
    "unshuffle-3": (unshuffle(3), 6, 9),
    "max-2": (pool("max_pool", [2, 2], [2, 2]), 6, 8),
    "max-2-odd": (pool("max_pool", [2, 2], [2, 2]), 7, 9),
    "max-2-ceil": (pool("max_pool", [2, 2], [2, 2], ceil=True), 7, 9),
    "max-3-stride2": (pool("max_pool", [3, 3], [2, 2], pad=[1, 1, 1, 1]), 7, 9),
    "max-3-stride2-ceil": (pool("max_pool", [3, 3], [2, 2], pad=[1, 1, 1, 1], ceil=True), 8, 10),
    "max-3-stride1": (pool("max_pool", [3, 3], [1, 1]), 6, 7),
    "max-2-stride3-ceil": (pool("max_pool", [2, 2], [3, 3], pad=[1, 1, 1, 1], ceil=True), 7, 8),
    "max-uneven-pad": (pool("max_pool", [3, 3], [2, 2], pad=[0, 1, 1, 0]), 7, 8),
    "max-2x3": (pool("max_pool", [2, 3], [1, 2]), 7, 8),
    "max-2-ceil-of-1x1": (pool("max_pool", [2, 2], [2, 2], ceil=True), 1, 1),
    "avg-2": (pool("avg_pool", [2, 2], [2, 2]), 6, 8),
    "avg-2-odd": (pool("avg_pool", [2, 2], [2, 2]), 7, 9),
    "avg-2-ceil": (pool("avg_pool", [2, 2], [2, 2], ceil=True), 7, 9),
    "avg-3-stride2": (pool("avg_pool", [3, 3], [2, 2], pad=[1, 1, 1, 1]), 7, 9),
    "avg-3-stride2-count": (pool("avg_pool", [3, 3], [2, 2], pad=[1, 1, 1, 1], count_pad=True), 7, 9),
    "avg-3-stride2-ceil": (pool("avg_pool", [3, 3], [2, 2], pad=[1, 1, 1, 1], ceil=True), 8, 10),
    "avg-3-stride2-ceil-count": (pool("avg_pool", [3, 3], [2, 2], pad=[1, 1, 1, 1], ceil=True, count_pad=True), 8, 10),
    "avg-3-stride1": (pool("avg_pool", [3, 3], [1, 1]), 6, 7),
    "avg-uneven-pad": (pool("avg_pool", [3, 3], [2, 2], pad=[0, 1, 1, 0]), 7, 8),
    "avg-uneven-pad-count": (pool("avg_pool", [3, 3], [2, 2], pad=[0, 1, 1, 0], count_pad=True), 7, 8),
    "avg-2-ceil-of-1x1": (pool("avg_pool", [2, 2], [2, 2], ceil=True), 1, 1),
    "pad-zero": (one("pad", pad=[1, 2, 3, 0]), 4, 5),
    "pad-reflect": (one("pad", pad=[1, 2, 3, 0], pad_mode="reflect"), 4, 5),
    "pad-replicate": (one("pad", pad=[1, 2, 3, 0], pad_mode="replicate"), 4, 5),
    "pad-reflect-repeated": (one("pad", pad=[7, 8, 9, 5], pad_mode="reflect"), 4, 3),
    "pad-reflect-of-1x1": (one("pad", pad=[2, 1, 3, 2], pad_mode="reflect"), 1, 1),
    "crop": (one("crop", pad=[1, 2, 0, 3]), 6, 7),
    "concat": (concat, 5, 6),
    "concat-same": (concat_same, 5, 6),
    "concat-one": (concat_one, 5, 6),
}

CHAINS = {
    "fan-out": (fan_out, 6, 7),
    "shared-weights": (shared_weights, 6, 7),
    "tap-in-the-middle": (tap_in_the_middle, 7, 9),
    "tap-before-relu": (tap_before_relu, 6, 6, 0.01),
    "tap-not-last": (tap_not_last, 6, 7),
    "conv-norm-relu": (conv_norm_relu, 5, 4, 0.01),
    "residual": (residual, 4, 5, 0.01),
    "separable": (separable(12, 17, **SAME), 13, 21),
    "separable-stride2": (separable(9, 8, stride=[2, 2], **SAME), 12, 19),
    "separable-dilation2": (separable(9, 8, dilation=[2, 2], pad=[2, 2, 2, 2], pad_mode="replicate"), 11, 9),
    "separable-uneven": (separable(9, 8, pad=[2, 0, 1, 3]), 7, 10),
    "separable-tapped": (separable_tapped, 9, 10),
    "separable-shared": (separable_shared, 9, 10),
    "separable-relu": (separable_relu, 6, 7, 0.001),
    "separable-twice": (separable_twice, 11, 10),
    "separable-enlarged": (separable_enlarged, 7, 6),
    "nearest-2-conv": (enlarged("nearest", 2, 3, [1, 1, 1, 1]), 7, 9),
    "nearest-2-conv-of-whole-tiles": (enlarged("nearest", 2, 3, [1, 1, 1, 1]), 6, 8),
    "nearest-2-conv-framed-unevenly": (enlarged("nearest", 2, 3, [1, 3, 1, 3]), 5, 7),
    "nearest-3-conv-uneven": (enlarged("nearest", 3, 3, [0, 2, 1, 1], pad_mode="zero"), 4, 5),
    "nearest-2-conv-to-3": (enlarged("nearest", 2, 9, [4, 4, 4, 4], to=3), 8, 9),
    "nearest-2-conv-1x1": (enlarged("nearest", 2, 1, [0, 0, 0, 0]), 7, 9),
    "bilinear-2-conv": (enlarged("bilinear", 2, 3, [1, 1, 1, 1]), 7, 9),
    "bilinear-2-conv-to-3": (enlarged("bilinear", 2, 3, [1, 1, 1, 1], to=3), 9, 17),
    "bilinear-3-conv-uneven": (enlarged("bilinear", 3, 3, [2, 0, 3, 1], pad_mode="replicate"), 4, 5),
    "bilinear-2-conv-stride2": (enlarged("bilinear", 2, 3, [1, 1, 1, 1], stride=2), 7, 9),
    "bilinear-2-conv-of-1x1": (enlarged("bilinear", 2, 3, [1, 1, 1, 1]), 1, 1),
    "enlarged-tapped": (enlarged_tapped, 5, 6),
    "enlarged-shared": (enlarged_shared, 5, 6),
    "enlarged-twice": (enlarged_twice, 5, 4),
    "pad-reflect-conv": (padded_conv("reflect", [2, 1, 1, 2], [0, 0, 0, 0]), 7, 9),
    "pad-zero-conv-padded": (padded_conv("zero", [1, 1, 2, 0], [1, 1, 1, 1]), 7, 9),
    "relu-norm": (relu_norm, 6, 7, 0.001),
    "norm-shared": (norm_shared, 8, 9),
    "norm-add-relu": (norm_add_relu, 5, 6, 0.001),
    "affine-conv-affine": (affine_conv_affine, 9, 10),
}

CASES = {**CONV, **DECONV, **OTHER, **CHAINS}
