"""The layers of a base model, listed from its configuration: paths, shapes, and at which size they work.

No tensor is made and no torch is needed: the list follows diffusers' UNet2DConditionModel and
transformers' CLIPTextModel, whose module paths it gives.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

Kind = Literal["resnet", "attention", "downsampler", "upsampler", "other"]


@dataclass(frozen=True)
class Layer:
    """A linear layer or a convolution; `kernel` is 0 for a linear layer, else the side of its kernel."""

    path: str
    inputs: int
    outputs: int
    kernel: int = 0
    bias: bool = True

    @property
    def weights(self) -> int:
        """Parameters, its bias included."""
        return self.inputs * self.outputs * max(1, self.kernel) ** 2 + (self.outputs if self.bias else 0)


@dataclass(frozen=True)
class Block:
    """A part of a U-Net.

    Args:
        kind: what it is; "attention" is a whole Transformer2DModel.
        path: of its module.
        level: how often the latents have been halved where it works.
        inputs: channels that go in.
        channels: channels that come out.
        layers: in the order of its forward pass.
        depth: transformer blocks in it.
        context: width of the text that it attends to.
    """

    kind: Kind
    path: str
    level: int
    inputs: int
    channels: int
    layers: tuple[Layer, ...]
    depth: int = 0
    context: int = 0

    @property
    def weights(self) -> int:
        """Parameters, those of norms included."""
        norms = {"resnet": 2 * (self.inputs + self.channels), "attention": 2 * self.channels * (1 + 3 * self.depth)}
        return sum(layer.weights for layer in self.layers) + norms.get(self.kind, 0)


def unet_blocks(config: Mapping[str, Any]) -> list[Block]:
    """List a U-Net's parts in the order of its forward pass, from its ``config.json``."""
    return list(_Walk(config).blocks())


class _Walk:
    """Goes through a U-Net as its forward pass does, with the channels that the skips carry."""

    def __init__(self, config: Mapping[str, Any]):
        self.channels = list(config["block_out_channels"])
        self.config = config
        self.count = len(self.channels)
        self.per_block = _each(config.get("layers_per_block", 2), self.count)
        self.depths = _each(config.get("transformer_layers_per_block", 1), self.count)
        self.context = _each(config["cross_attention_dim"], self.count)
        self.time = self.channels[0] * 4

    def blocks(self) -> Iterator[Block]:
        first, config = self.channels[0], self.config
        ends = [Layer("conv_in", config.get("in_channels", 4), first, 3), *self._time()]
        yield Block("other", "", 0, first, first, tuple(ends))
        yield from self._down()
        top = self.channels[-1]
        yield self._resnet("mid_block.resnets.0", self.count - 1, top, top)
        yield self._attention("mid_block.attentions.0", self.count - 1, self.count - 1)
        yield self._resnet("mid_block.resnets.1", self.count - 1, top, top)
        yield from self._up()
        yield Block("other", "", 0, first, first, (Layer("conv_out", first, config.get("out_channels", 4), 3),))

    def _time(self) -> Iterator[Layer]:
        yield Layer("time_embedding.linear_1", self.channels[0], self.time)
        yield Layer("time_embedding.linear_2", self.time, self.time)
        if self.config.get("addition_embed_type") == "text_time":
            yield Layer("add_embedding.linear_1", self.config["projection_class_embeddings_input_dim"], self.time)
            yield Layer("add_embedding.linear_2", self.time, self.time)

    def _down(self) -> Iterator[Block]:
        self.skips = [self.channels[0]]
        before = self.channels[0]
        for i, (kind, channels) in enumerate(zip(self.config["down_block_types"], self.channels, strict=True)):
            path = f"down_blocks.{i}"
            for j in range(self.per_block[i]):
                yield self._resnet(f"{path}.resnets.{j}", i, before, channels)
                if kind.startswith("CrossAttn"):
                    yield self._attention(f"{path}.attentions.{j}", i, i)
                before = channels
                self.skips.append(channels)
            if i < self.count - 1:
                conv = Layer(f"{path}.downsamplers.0.conv", channels, channels, 3)
                yield Block("downsampler", f"{path}.downsamplers.0", i + 1, channels, channels, (conv,))
                self.skips.append(channels)

    def _up(self) -> Iterator[Block]:
        before = self.channels[-1]
        for i, kind in enumerate(self.config["up_block_types"]):
            level = self.count - 1 - i
            channels, path = self.channels[level], f"up_blocks.{i}"
            for j in range(self.per_block[level] + 1):
                yield self._resnet(f"{path}.resnets.{j}", level, before + self.skips.pop(), channels)
                if kind.startswith("CrossAttn"):
                    yield self._attention(f"{path}.attentions.{j}", level, level)
                before = channels
            if level:
                conv = Layer(f"{path}.upsamplers.0.conv", channels, channels, 3)
                yield Block("upsampler", f"{path}.upsamplers.0", level - 1, channels, channels, (conv,))

    def _resnet(self, path: str, level: int, inputs: int, channels: int) -> Block:
        layers = [
            Layer(f"{path}.conv1", inputs, channels, 3),
            Layer(f"{path}.time_emb_proj", self.time, channels),
            Layer(f"{path}.conv2", channels, channels, 3),
        ]
        if inputs != channels:
            layers.append(Layer(f"{path}.conv_shortcut", inputs, channels, 1))
        return Block("resnet", path, level, inputs, channels, tuple(layers))

    def _attention(self, path: str, level: int, index: int) -> Block:
        width, context, depth = self.channels[index], self.context[index], self.depths[index]
        kernel = 0 if self.config.get("use_linear_projection") else 1
        layers = [Layer(f"{path}.proj_in", width, width, kernel)]
        for number in range(depth):
            layers += _transformer_block(f"{path}.transformer_blocks.{number}", width, context)
        layers.append(Layer(f"{path}.proj_out", width, width, kernel))
        return Block("attention", path, level, width, width, tuple(layers), depth, context)


def _transformer_block(path: str, width: int, context: int) -> Iterator[Layer]:
    for name, source in (("attn1", width), ("attn2", context)):
        yield Layer(f"{path}.{name}.to_q", width, width, bias=False)
        yield Layer(f"{path}.{name}.to_k", source, width, bias=False)
        yield Layer(f"{path}.{name}.to_v", source, width, bias=False)
        yield Layer(f"{path}.{name}.to_out.0", width, width)
    yield Layer(f"{path}.ff.net.0.proj", width, width * 8)
    yield Layer(f"{path}.ff.net.2", width * 4, width)


def text_layers(config: Mapping[str, Any]) -> list[Layer]:
    """List the layers of a CLIP text model that a LoRA can be put on, from its ``config.json``."""
    width, inner = config["hidden_size"], config["intermediate_size"]
    found = []
    for number in range(config["num_hidden_layers"]):
        path = f"encoder.layers.{number}"
        found += [
            Layer(f"{path}.self_attn.{name}", width, width) for name in ("k_proj", "v_proj", "q_proj", "out_proj")
        ]
        found += [Layer(f"{path}.mlp.fc1", width, inner), Layer(f"{path}.mlp.fc2", inner, width)]
    return found


def text_weights(config: Mapping[str, Any]) -> int:
    """Count a CLIP text model's parameters: embeddings, layers, norms, and a projection where it has one."""
    width, layers = config["hidden_size"], config["num_hidden_layers"]
    embeddings = (config.get("vocab_size", 49408) + config.get("max_position_embeddings", 77)) * width
    projection = width * config.get("projection_dim", 0) if _projects(config) else 0
    return embeddings + sum(layer.weights for layer in text_layers(config)) + 2 * width * (2 * layers + 1) + projection


def _projects(config: Mapping[str, Any]) -> bool:
    return "CLIPTextModelWithProjection" in (config.get("architectures") or ())


def _each(value: Any, count: int) -> list[int]:
    """Configurations give one number for all blocks, or a list."""
    return list(value) if isinstance(value, list | tuple) else [value] * count
