# SPDX-License-Identifier: LGPL-2.1-or-later
"""The published networks in PyTorch, under their own names of parameters, with random weights that paint a picture."""
import torch
import torch.nn.functional as F
from torch import nn

MEAN_BGR = torch.tensor([103.939, 116.779, 123.68]).view(1, 3, 1, 1)
MEAN_RGB = torch.tensor([0.485, 0.456, 0.406]).view(1, 3, 1, 1)
DEVIATION_RGB = torch.tensor([0.229, 0.224, 0.225]).view(1, 3, 1, 1)


def randomise(network, seed):
    generator = torch.Generator().manual_seed(seed)
    for parameter in network.parameters():
        if parameter.dim() == 4:
            fan_in = parameter[0].numel()
            parameter.data = torch.randn(parameter.shape, generator=generator) * (2 / fan_in) ** 0.5
        else:
            parameter.data = torch.randn(parameter.shape, generator=generator) * 0.2
    for module in network.modules():
        if isinstance(module, (nn.InstanceNorm2d, nn.BatchNorm2d)):
            module.weight.data += 1
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean = torch.randn(module.running_mean.shape, generator=generator) * 0.2
            module.running_var = torch.rand(module.running_var.shape, generator=generator) + 0.5
    return network.eval()


def spread(network, last, x, deviation, mean):
    """Scales the last convolution, so that the result for x has this deviation and mean in every channel."""
    with torch.no_grad():
        y = network(x)
        gain = deviation / y.std(dim=(0, 2, 3))
        last.weight.data *= gain.view(-1, 1, 1, 1)
        last.bias.data = last.bias * gain + mean - y.mean(dim=(0, 2, 3)) * gain


# -- pytorch/examples, fast_neural_style


class ConvLayer(nn.Module):
    def __init__(self, inputs, outputs, kernel, stride, upsample=None):
        super().__init__()
        self.upsample = upsample
        self.reflection_pad = nn.ReflectionPad2d(kernel // 2)
        self.conv2d = nn.Conv2d(inputs, outputs, kernel, stride)

    def forward(self, x):
        if self.upsample:
            x = F.interpolate(x, mode="nearest", scale_factor=self.upsample)
        return self.conv2d(self.reflection_pad(x))


class ResidualBlock(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.conv1 = ConvLayer(channels, channels, 3, 1)
        self.in1 = nn.InstanceNorm2d(channels, affine=True)
        self.conv2 = ConvLayer(channels, channels, 3, 1)
        self.in2 = nn.InstanceNorm2d(channels, affine=True)

    def forward(self, x):
        return self.in2(self.conv2(F.relu(self.in1(self.conv1(x))))) + x


class TransformerNet(nn.Module):
    def __init__(self, width=32):
        super().__init__()
        a, b, c = width, 2 * width, 4 * width
        self.conv1, self.in1 = ConvLayer(3, a, 9, 1), nn.InstanceNorm2d(a, affine=True)
        self.conv2, self.in2 = ConvLayer(a, b, 3, 2), nn.InstanceNorm2d(b, affine=True)
        self.conv3, self.in3 = ConvLayer(b, c, 3, 2), nn.InstanceNorm2d(c, affine=True)
        for i in range(1, 6):
            setattr(self, f"res{i}", ResidualBlock(c))
        self.deconv1, self.in4 = ConvLayer(c, b, 3, 1, 2), nn.InstanceNorm2d(b, affine=True)
        self.deconv2, self.in5 = ConvLayer(b, a, 3, 1, 2), nn.InstanceNorm2d(a, affine=True)
        self.deconv3 = ConvLayer(a, 3, 9, 1)

    def forward(self, x):
        for i in (1, 2, 3):
            x = F.relu(getattr(self, f"in{i}")(getattr(self, f"conv{i}")(x)))
        for i in range(1, 6):
            x = getattr(self, f"res{i}")(x)
        x = F.relu(self.in4(self.deconv1(x)))
        x = F.relu(self.in5(self.deconv2(x)))
        return self.deconv3(x)


def transformer_net(x, seed, width=32):
    network = randomise(TransformerNet(width), seed)
    spread(network, network.deconv3.conv2d, x * 255, 60, 128)
    return network


# -- lengstrom's fast-style-transfer: 16 layers of a weight, a shift and a scale each, in TensorFlow's layouts


def fast_style_transfer_variables(seed):
    generator = torch.Generator().manual_seed(seed)
    layers = [(9, 3, 32), (3, 32, 64), (3, 64, 128)] + [(3, 128, 128)] * 10
    layers += [(3, 64, 128), (3, 32, 64), (9, 32, 3)]  # two transposed ones: kernel, outputs, inputs
    variables = []
    for number, (kernel, third, fourth) in enumerate(layers):
        channels = third if number in (13, 14) else fourth
        variables.append(torch.randn(kernel, kernel, third, fourth, generator=generator) * 0.1)
        variables.append(torch.randn(channels, generator=generator) * 0.2)
        variables.append(1 + 0.2 * torch.randn(channels, generator=generator))
    variables[-1] = variables[-1] * 0.5
    return variables


def same(size, kernel, stride):
    total = max((-(-size // stride) - 1) * stride + kernel - size, 0)
    return total // 2, total - total // 2


def tensorflow_norm(x, shift, scale):
    mean, variance = x.mean(dim=(2, 3), keepdim=True), x.var(dim=(2, 3), keepdim=True, unbiased=False)
    return scale.view(1, -1, 1, 1) * (x - mean) / (variance + 1e-3) ** 0.5 + shift.view(1, -1, 1, 1)


def fast_style_transfer(variables, x):
    """x: RGB of 0 to 255"""
    layers = [variables[i:i + 3] for i in range(0, 48, 3)]

    def conv(x, number, stride=1, transposed=False):
        weight, shift, scale = layers[number]
        kernel = weight.shape[0]
        weight = weight.permute(3, 2, 0, 1)
        if transposed:
            top, bottom = same(x.shape[2] * stride, kernel, stride)
            left, right = same(x.shape[3] * stride, kernel, stride)
            x = F.conv_transpose2d(x, weight, None, stride)
            x = x[:, :, top:x.shape[2] - bottom, left:x.shape[3] - right]
        else:
            x = F.pad(x, same(x.shape[3], kernel, stride) + same(x.shape[2], kernel, stride))
            x = F.conv2d(x, weight, None, stride)
        return tensorflow_norm(x, shift, scale)

    for number, stride in (0, 1), (1, 2), (2, 2):
        x = F.relu(conv(x, number, stride))
    for number in range(3, 13, 2):
        x = x + conv(F.relu(conv(x, number)), number + 1)
    x = F.relu(conv(x, 13, 2, True))
    x = F.relu(conv(x, 14, 2, True))
    return torch.tanh(conv(x, 15)) * 150 + 255. / 2


# -- VGG


BLOCKS = {"vgg16": (2, 2, 3, 3, 3), "vgg19": (2, 2, 4, 4, 4)}


def vgg(name, seed, norm=False, width=16):
    """torchvision's features, and the names of what its layers are; a quarter as wide, for the sake of time"""
    layers, names, inputs = [], [], 3
    for block, convs in enumerate(BLOCKS[name], 1):
        channels = min(width * 2 ** (block - 1), width * 8)
        for index in range(1, convs + 1):
            layers += [nn.Conv2d(inputs, channels, 3, padding=1)] + [nn.BatchNorm2d(channels)] * norm + [nn.ReLU()]
            names += [""] * norm + [f"conv{block}_{index}", f"relu{block}_{index}"]  # with its normalisation
            inputs = channels
        layers.append(nn.MaxPool2d(2, 2))
        names.append(f"pool{block}")
    return randomise(nn.Sequential(*layers), seed), names


def features(network, names, x, wanted):
    found = {}
    with torch.no_grad():
        for layer, name in zip(network, names):
            x = layer(x)
            if name in wanted:
                found[name] = x[0].numpy()
    return found
