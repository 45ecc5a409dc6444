# SPDX-License-Identifier: LGPL-2.1-or-later
"""make.py DIR CASE...: networks as other programs would have saved them, and what they make of DIR/picture.ppm.

DIR/CASE.* is the network; DIR/CASE.ppm the picture that it paints, or DIR/CASE.features.safetensors what a VGG network
finds (tests/tools/features).
"""
import json
import os
import sys

import numpy
import torch

sys.dont_write_bytecode = True
here = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [here, os.path.join(os.path.dirname(here), "golden")]
import container  # noqa: E402
import networks  # noqa: E402
import t7  # noqa: E402

WIDTH, HEIGHT = 112, 84
LAYERS = ("conv1_1", "relu2_2", "relu3_1", "relu4_3", "relu5_3")


def picture():
    """Colours that change slowly, edges, and some noise: RGB, 0 to 255"""
    y, x = numpy.mgrid[0:HEIGHT, 0:WIDTH].astype(numpy.float64)
    noise = numpy.random.RandomState(1)
    squares = 40 * (((x // 14 + y // 11) % 2) - 0.5)
    planes = [128 + 90 * numpy.sin(x / (9 + 4 * c) + y / 17 + c) + squares for c in range(3)]
    planes = numpy.stack(planes, axis=2) + noise.normal(0, 6, (HEIGHT, WIDTH, 3))
    return numpy.clip(numpy.round(planes), 0, 255).astype(numpy.uint8)


def write_ppm(path, pixels):
    with open(path, "wb") as file:
        file.write(b"P6\n%d %d\n255\n" % (pixels.shape[1], pixels.shape[0]) + pixels.tobytes())


def write_painting(path, y):
    """y: 1 x 3 x H x W, RGB of 0 to 255"""
    pixels = y.detach()[0].clamp(0, 255).round().permute(1, 2, 0).to(torch.uint8).numpy()
    assert pixels.std() > 20, "a picture expected, one grey found"
    write_ppm(path, numpy.ascontiguousarray(pixels))


class Case:
    def __init__(self, directory, name):
        self.base = os.path.join(directory, name)
        pixels = picture()
        write_ppm(os.path.join(directory, "picture.ppm"), pixels)
        self.x = torch.from_numpy(pixels.astype(numpy.float32).transpose(2, 0, 1).copy())[None] / 255

    def path(self, end):
        return self.base + end

    def paint(self, y):
        write_painting(self.path(".ppm"), y)

    def features(self, found):
        found["picture"] = self.x[0].numpy()
        container.write(self.path(".features.safetensors"), found, {})


# -- style networks


def pytorch(case):
    network = networks.transformer_net(case.x, 1)
    torch.save(network.state_dict(), case.path(".pth"))
    case.paint(network(case.x * 255))


def pytorch_legacy(case):
    """As files of 2017: not a zip archive, running statistics, saved from several GPUs, half precision"""
    network = networks.transformer_net(case.x, 2)
    state = {"module." + name: tensor.half() for name, tensor in network.state_dict().items()}
    network.load_state_dict({name[len("module."):]: tensor.float() for name, tensor in state.items()})
    for name in [name for name in state if ".in" in name and name.endswith("weight")]:
        state[name.replace("weight", "running_mean")] = torch.zeros_like(state[name])
        state[name.replace("weight", "running_var")] = torch.ones_like(state[name])
        state[name.replace("weight", "num_batches_tracked")] = torch.tensor(7)
    checkpoint = {"epoch": 2, "lr": 1e-3, "state_dict": state}
    torch.save(checkpoint, case.path(".pth"), _use_new_zipfile_serialization=False)
    case.paint(network(case.x * 255))


def safetensors_style(case):
    network = networks.transformer_net(case.x, 3)
    state = network.state_dict()
    container.write(case.path(".safetensors"), {k: v.numpy() for k, v in state.items()}, {"format": "pt"})
    case.paint(network(case.x * 255))


def fast_style_transfer(case, seed):
    variables = networks.fast_style_transfer_variables(seed)
    names = ["Variable" + (f"_{i}" if i else "") for i in range(48)]
    case.paint(networks.fast_style_transfer(variables, case.x * 255))
    return {name: variable.numpy() for name, variable in zip(names, variables)}


def tensorflow(case):
    arrays = fast_style_transfer(case, 4)
    arrays.update({"Variable/Adam": arrays["Variable"], "beta1_power": numpy.float32(0.9), "step": numpy.arange(3)})
    numpy.savez_compressed(case.path(".npz"), **arrays)


def tensorflow_raw(case):
    """deeplearn.js' dump: a folder with manifest.json, which names a file of floats for each variable"""
    arrays = fast_style_transfer(case, 5)
    arrays["Variable_3/Adam"] = numpy.zeros(3, numpy.float32)
    arrays["beta1_power"] = numpy.float32(0.9)
    os.mkdir(case.path(""))
    manifest = {}
    for name, array in arrays.items():
        manifest[name] = {"filename": name.replace("/", "_"), "shape": list(array.shape)}
        array.astype("<f4").tofile(case.path("/" + manifest[name]["filename"]))
    with open(case.path("/manifest.json"), "w", encoding="ascii") as file:
        json.dump(manifest, file, indent=2, sort_keys=True)


# -- Torch7


def save_t7(case, model, preprocessing):
    history = {"loss": [1.5, 0.5], "done": True, "nothing": None}
    t7.save(case.path(".t7"), {"opt": {"preprocessing": preprocessing}, "model": model, "history": history})


def t7_instance_norm(case):
    """The published styles: padding at the start, shaved in each residual block"""
    model = t7.Builder(20, "reflect-start", True).network("c9s1-32,d64,d128,R128,R128,R128,R128,R128,u64,u32,c9s1-3")
    x = case.x.flip(1) * 255 - networks.MEAN_BGR
    save_t7(case, model, "vgg")
    case.paint((t7.forward(model, x) + networks.MEAN_BGR).flip(1))


def t7_batch_norm(case):
    """Batch normalisation, padding by reflection everywhere, nearest neighbours, double precision, the other means"""
    model = t7.Builder(21, "reflect", False, numpy.float64).network("c9s1-16,d32,R32,R32,U2,c3s1-16,c9s1-3", 2)
    x = (case.x - networks.MEAN_RGB) / networks.DEVIATION_RGB
    save_t7(case, model, "resnet")
    case.paint((t7.forward(model, x) * networks.DEVIATION_RGB + networks.MEAN_RGB) * 255)


# -- ONNX, as PyTorch exports it


def onnx_style(case, seed, width, opset, **options):
    network = networks.transformer_net(case.x, seed, width)
    torch.onnx.export(network, case.x * 255, case.path(".onnx"), opset_version=opset, input_names=["input1"],
                      output_names=["output1"], **options)
    case.paint(network(case.x * 255))


def onnx_9(case):
    """The model zoo's mosaic-9: operator set 9, sizes fixed, Upsample"""
    onnx_style(case, 10, 32, 9)


def fields(message):
    """(number, type, value) of each field of a Protocol Buffers message"""
    at = 0

    def varint():
        nonlocal at
        value = shift = 0
        while True:
            byte = message[at]
            at += 1
            value |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return value

    while at < len(message):
        key = varint()
        size = {0: 0, 1: 8, 2: 0, 5: 4}[key & 7]
        value = varint() if key & 7 in (0, 2) else None
        if key & 7:
            size = value if key & 7 == 2 else size
            value = message[at:at + size]
            at += size
        yield key >> 3, key & 7, value


def field(number, kind, value):
    def varint(value):
        return (bytes([value & 127 | 128]) + varint(value >> 7)) if value > 127 else bytes([value])
    body = varint(value) if kind == 0 else (varint(len(value)) if kind == 2 else b"") + value
    return varint(number << 3 | kind) + body


def onnx_8(case):
    """The model zoo's mosaic-8: as mosaic-9, but scales are an attribute of Upsample"""
    onnx_style(case, 11, 32, 9)
    scales = field(1, 2, b"scales") + b"".join(field(7, 5, numpy.float32(x).tobytes()) for x in (1, 1, 2, 2))

    def node(message):
        parts = list(fields(message))
        if (4, 2, b"Upsample") not in parts:
            return message
        inputs = [part for part in parts if part[0] == 1]
        parts.remove(inputs[1])
        return b"".join(field(*part) for part in parts) + field(5, 2, scales + field(20, 0, 6))

    def graph(message):
        return b"".join(field(n, kind, node(value) if n == 1 else value) for n, kind, value in fields(message))

    def opset(message):
        return b"".join(field(n, kind, 8 if n == 2 else value) for n, kind, value in fields(message))

    with open(case.path(".onnx"), "rb") as file:
        model = file.read()
    with open(case.path(".onnx"), "wb") as file:
        for n, kind, value in fields(model):
            file.write(field(n, kind, graph(value) if n == 7 else opset(value) if n == 8 else value))


def onnx_11(case):
    """Any size, Resize, paddings as inputs"""
    sides = {2: "height", 3: "width"}
    onnx_style(case, 12, 16, 11, dynamic_axes={"input1": sides, "output1": sides})


def onnx_13(case):
    """Other operators: scaling before and after, transposed convolutions, a sigmoid, batch normalisation, a clip"""
    import torch.nn as nn

    class Network(nn.Module):
        def __init__(self):
            super().__init__()
            self.first = nn.Conv2d(3, 12, 5, stride=2, padding=2, padding_mode="replicate")
            self.norm = nn.BatchNorm2d(12)
            self.shuffled = nn.Conv2d(12, 24, 3, padding=2, dilation=2, groups=2)
            self.up = nn.ConvTranspose2d(12, 8, 3, stride=2, padding=1, output_padding=1)
            self.other = nn.Conv2d(6, 8, 1)
            self.last = nn.Conv2d(16, 3, 3, padding=1)

        def forward(self, x):
            x = (x / 127.5 - 1) * torch.tensor([1., 0.9, 1.1]).view(3, 1, 1)
            y = torch.relu(self.norm(self.first(x)))
            y = torch.tanh(self.shuffled(y))
            y = nn.functional.pixel_shuffle(y, 2)
            z = self.up(torch.relu(self.norm(self.first(x))))
            y = self.other(nn.functional.interpolate(nn.functional.avg_pool2d(y, 2), scale_factor=2, mode="bilinear"))
            y = torch.cat([torch.sigmoid(y), z * 0.5 + 1], 1)
            return torch.clamp(255 - self.last(y), 0, 255)

    network = networks.randomise(Network(), 13)
    clip, torch.clamp = torch.clamp, lambda x, *_: x  # what is to be spread is not clipped yet
    networks.spread(lambda x: 255 - network(x), network.last, case.x * 255, 60, 128)
    torch.clamp = clip
    torch.onnx.export(network, case.x * 255, case.path(".onnx"), opset_version=13)
    case.paint(network(case.x * 255))


# -- files that do not fit


def wrong_shape(case):
    state = networks.transformer_net(case.x, 30).state_dict()
    state["conv2.conv2d.weight"] = state["conv2.conv2d.weight"][:, 1:].clone()
    torch.save(state, case.path(".pth"))


def missing(case):
    state = networks.transformer_net(case.x, 31).state_dict()
    del state["res3.in2.bias"]
    torch.save(state, case.path(".pth"))


class Shell:
    def __reduce__(self):
        return os.system, ("touch pwned",)


def hostile(case):
    torch.save({"conv1.conv2d.weight": torch.zeros(2), "shell": Shell()}, case.path(".pth"))


def bomb(case):
    numpy.savez_compressed(case.path(".npz"), Variable=numpy.zeros((1, 1, 1 << 14, 1 << 11), numpy.float32))


def nested(case):
    state = {"x": torch.zeros(1)}
    for _ in range(300):
        state = {"state_dict": state}
    torch.save(state, case.path(".pth"))


# -- VGG


def torch_vgg(case, name, seed, norm=False):
    network, names = networks.vgg(name, seed, norm)
    state = {f"features.{key}": value for key, value in network.state_dict().items()}
    x = (case.x - networks.MEAN_RGB) / networks.DEVIATION_RGB
    case.features(networks.features(network, names, x, LAYERS))
    return state


def torchvision(case):
    state = torch_vgg(case, "vgg16", 5)
    state["classifier.0.weight"], state["classifier.0.bias"] = torch.zeros(16, 25088), torch.zeros(16)
    torch.save(state, case.path(".pth"))


def torchvision_norm(case):
    torch.save(torch_vgg(case, "vgg19", 6, True), case.path(".pth"))


def timm(case):
    state = torch_vgg(case, "vgg19", 7)
    state["pre_logits.fc1.weight"], state["head.fc.bias"] = torch.zeros(4, 512, 7, 7), torch.zeros(10)
    container.write(case.path(".safetensors"), {k: v.numpy() for k, v in state.items()}, {"format": "pt"})


def keras_vgg(case, name, seed, top, path):
    """path: where in the file, and how a layer's two datasets are called"""
    import h5py
    network, names = networks.vgg(name, seed)
    state = network.state_dict()
    where, kernel, bias = path
    with h5py.File(case.path(".h5"), "w") as file:
        group = file.create_group(where) if where else file
        layers = []
        for number, layer in enumerate(names):
            if not layer.startswith("conv"):
                continue
            layer = "block" + layer[4:].replace("_", "_conv")
            layers.append(layer.encode())
            weights = [key.format(layer) for key in (kernel, bias)]
            group.create_group(layer).attrs["weight_names"] = [weight.encode() for weight in weights]
            array = state[f"{number}.weight"].permute(2, 3, 1, 0).contiguous().numpy()
            group[layer].create_dataset(weights[0], data=array)
            group[layer].create_dataset(weights[1], data=state[f"{number}.bias"].numpy())
        if top:
            group.create_group("fc1").create_dataset("fc1/kernel:0", data=numpy.zeros((64, 4), numpy.float32))
            group.create_group("flatten")
            moments = file.create_group("optimizer_weights/Adam/block1_conv1")
            moments.create_dataset("kernel", data=numpy.zeros((3, 3, 3, 64), numpy.float32))
        group.attrs["layer_names"] = layers
    x = case.x.flip(1) * 255 - networks.MEAN_BGR
    case.features(networks.features(network, names, x, LAYERS))


def keras(case):
    keras_vgg(case, "vgg19", 8, False, ("", "{0}_W_1:0", "{0}_b_1:0"))


def keras_top(case):
    keras_vgg(case, "vgg16", 9, True, ("model_weights", "{0}/kernel:0", "{0}/bias:0"))


if __name__ == "__main__":
    torch.set_num_threads(1)
    for name in sys.argv[2:]:
        globals()[name](Case(sys.argv[1], name))
