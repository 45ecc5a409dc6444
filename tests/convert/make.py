# SPDX-License-Identifier: LGPL-2.1-or-later
"""make.py CASE DIR: a network as another program would have saved it, and what it makes of DIR/picture.ppm.

DIR/CASE.* is the network; DIR/CASE.ppm the picture that it paints, or DIR/CASE.features.safetensors what a VGG network
finds (tests/tools/features).
"""
import os
import sys

import numpy
import torch

sys.dont_write_bytecode = True
here = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [here, os.path.join(os.path.dirname(here), "golden")]
import container  # noqa: E402
import networks  # noqa: E402

WIDTH, HEIGHT = 112, 84
LAYERS = ("conv1_1", "relu2_2", "relu3_1", "relu4_3", "relu5_3")


def picture():
    """Colours that change slowly, edges, and some noise: RGB, 0 to 255"""
    y, x = numpy.mgrid[0:HEIGHT, 0:WIDTH].astype(numpy.float64)
    noise = numpy.random.RandomState(1)
    planes = [128 + 90 * numpy.sin(x / (9 + 4 * c) + y / 17 + c) + 40 * (((x // 14 + y // 11) % 2) - 0.5) for c in range(3)]
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
    container.write(case.path(".safetensors"), {k: v.numpy() for k, v in network.state_dict().items()}, {"format": "pt"})
    case.paint(network(case.x * 255))


def tensorflow(case):
    variables = networks.fast_style_transfer_variables(4)
    names = ["Variable" + (f"_{i}" if i else "") for i in range(48)]
    arrays = {name: variable.numpy() for name, variable in zip(names, variables)}
    arrays.update({"Variable/Adam": arrays["Variable"], "beta1_power": numpy.float32(0.9), "step": numpy.arange(3)})
    numpy.savez_compressed(case.path(".npz"), **arrays)
    case.paint(networks.fast_style_transfer(variables, case.x * 255))


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
    globals()[sys.argv[1]](Case(sys.argv[2], sys.argv[1]))
