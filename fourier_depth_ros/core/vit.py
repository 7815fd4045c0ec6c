"""A vision transformer with a dense head: the second family of networks (ours, not the paper's).

The trunk is DINOv2's ViT (Oquab et al. 2023), whose features come from pictures of the whole world;
the decoder is DPT-like (Ranftl et al. 2021): four taps of the trunk, from coarse to fine, and the
crop itself for its edges. It answers crops as DepthEstimationNetwork does, in the same output
space, with a finer map. It has no windows to cut, so zoomed pictures (crops: shared) are refused.
"""

from __future__ import annotations

import copy

import torch
import torch.nn.functional as F
from jaxtyping import Float, Num
from torch import Tensor, nn

from fourier_depth_ros.config import PATCH, TAPS, NetworkConfig
from fourier_depth_ros.core.network import IMAGENET_MEAN, IMAGENET_STD

#: Channels of one attention head, in every DINOv2.
_HEAD_CHANNELS = 64
#: (channels, layers) of the trunks.
TRUNKS = {"vits14": (384, 12)}
#: Channels of the decoder at 1, 2 and 4 cells a patch.
_WIDTHS = (128, 96, 48)


class Layer(nn.Module):
    """One layer of the transformer; DINOv2's layer scales are multiplied into its matrices."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.heads = channels // _HEAD_CHANNELS
        self.attention_norm = nn.LayerNorm(channels, eps=1e-6)
        self.qkv = nn.Linear(channels, 3 * channels)
        self.project = nn.Linear(channels, channels)
        self.mlp_norm = nn.LayerNorm(channels, eps=1e-6)
        self.expand = nn.Linear(channels, 4 * channels)
        self.contract = nn.Linear(4 * channels, channels)

    def forward(self, tokens: Float[Tensor, "n tokens channels"]) -> Tensor:
        """The tokens after this layer."""
        qkv = self.qkv(self.attention_norm(tokens)).unflatten(2, (3, self.heads, _HEAD_CHANNELS))
        query, key, value = qkv.permute(2, 0, 3, 1, 4)
        seen = F.scaled_dot_product_attention(query, key, value)
        tokens = tokens + self.project(seen.transpose(1, 2).flatten(2))
        return tokens + self.contract(F.gelu(self.expand(self.mlp_norm(tokens))))


class VisionTransformer(nn.Module):
    """DINOv2's encoder for pictures of ``side`` pixels, a multiple of 14."""

    def __init__(self, channels: int, layers: int, side: int) -> None:
        super().__init__()
        self.cells = side // PATCH
        self.patches = nn.Conv2d(3, channels, PATCH, stride=PATCH)
        self.first = nn.Parameter(torch.zeros(1, 1, channels))
        self.positions = nn.Parameter(torch.zeros(1, self.cells**2, channels))
        self.layers = nn.ModuleList(Layer(channels) for _ in range(layers))
        self.norm = nn.LayerNorm(channels, eps=1e-6)

    def forward(self, centred: Float[Tensor, "n 3 side side"]) -> list[Tensor]:
        """The tokens after each of TAPS, (n, 1 + cells^2, channels), the picture's own first."""
        return self.after(self.embed(centred), 0)

    def embed(self, centred: Float[Tensor, "n 3 side side"]) -> Float[Tensor, "n tokens channels"]:
        """The tokens before the first layer, of normalised pictures."""
        tokens = self.patches(centred).flatten(2).transpose(1, 2) + self.positions
        # not len(tokens): an export would take the number of crops for a constant
        return torch.cat((self.first.expand(tokens.shape[0], -1, -1), tokens), dim=1)

    def after(
        self, tokens: Float[Tensor, "n tokens channels"], done: int, last: int = TAPS[-1]
    ) -> list[Tensor]:
        """From the tokens after ``done`` layers, those after each of TAPS still to come.

        ``last``: the layer to end with.
        """
        taps = []
        for number, layer in enumerate(self.layers, start=1):
            if done < number <= last:
                tokens = layer(tokens)
                if number in TAPS:
                    taps.append(tokens)
        return taps


def resize_positions(
    positions: Float[Tensor, "1 old_tokens channels"], cells: int
) -> Float[Tensor, "1 tokens channels"]:
    """Position embeddings of another input's side as those of ``cells`` x ``cells`` patches."""
    old = round(positions.shape[1] ** 0.5)
    grid = positions.transpose(1, 2).reshape(1, -1, old, old)
    resized = F.interpolate(grid, (cells, cells), mode="bicubic", align_corners=False)
    return resized.flatten(2).transpose(1, 2)


class _Residual(nn.Module):
    """Two convolutions beside the identity (DPT's residual unit)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(width, width, 3, padding=1)
        self.second = nn.Conv2d(width, width, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.second(self.first(x.relu()).relu())


class Decoder(nn.Module):
    """Four taps and the crop to one feature map of 4 x 4 cells a patch."""

    def __init__(self, channels: int, cells: int) -> None:
        super().__init__()
        self.cells = cells
        coarse, middle, fine = _WIDTHS
        self.norms = nn.ModuleList(nn.LayerNorm(channels, eps=1e-6) for _ in TAPS)
        widths = (fine, middle, coarse, coarse)  # of the taps, shallow first
        self.enter = nn.ModuleList(nn.Linear(channels, width) for width in widths)
        self.whole = nn.ModuleList(nn.Linear(channels, width) for width in widths)
        self.deepest = _Residual(coarse)
        self.deep = _Residual(coarse)
        self.to_middle = nn.ConvTranspose2d(coarse, middle, 2, stride=2)
        self.middle_tap = nn.ConvTranspose2d(middle, middle, 2, stride=2)
        self.middle = _Residual(middle)
        self.to_fine = nn.ConvTranspose2d(middle, fine, 2, stride=2)
        self.fine_tap = nn.ConvTranspose2d(fine, fine, 4, stride=4)
        self.edges = nn.Conv2d(3, 16, 5, stride=2, padding=2)
        self.edge_tap = nn.Conv2d(16, fine, 3, padding=1)
        self.fine = _Residual(fine)
        self.leave = nn.Conv2d(fine, fine, 3, padding=1)

    def forward(
        self, centred: Float[Tensor, "n 3 side side"], taps: list[Tensor]
    ) -> Float[Tensor, "n width rows columns"]:
        """``taps`` are the trunk's tokens, shallow first."""
        shallow, second, third, last = (
            self._map(number, tokens) for number, tokens in enumerate(taps)
        )
        x = self.deep(self.deepest(last) + third)
        x = self.middle(self.to_middle(x) + self.middle_tap(second))
        edges = F.interpolate(
            self.edges(centred).relu(), x.shape[-1] * 2, mode="bilinear", align_corners=False
        )
        x = self.to_fine(x) + self.fine_tap(shallow) + self.edge_tap(edges)
        return self.leave(self.fine(x)).relu()

    def _map(self, number: int, tokens: Tensor) -> Float[Tensor, "n width cells cells"]:
        tokens = self.norms[number](tokens)
        x = self.enter[number](tokens[:, 1:]) + self.whole[number](tokens[:, :1])
        return x.transpose(1, 2).unflatten(2, (self.cells, self.cells))


class DenseHead(nn.Conv2d):
    """The last convolution: one number a cell, in float32 as the ResNets' head is."""

    def __init__(self) -> None:
        super().__init__(_WIDTHS[-1], 1, 3, padding=1)

    def answer(
        self, maps: tuple[Float[Tensor, "n _ _ _"], ...], beyond: int
    ) -> Float[Tensor, "n rows columns"]:
        """Its output, never negative, for the ``maps`` of crops.

        Raises:
            ValueError: ``beyond`` is not 0: zoomed pictures, which this family doesn't take.
        """
        if beyond:
            raise ValueError("a vision transformer takes crops of its own side, not zoomed ones")
        (features,) = maps
        return F.softplus(self(features.to(self.weight.dtype))).squeeze(1)


class VitDepthNetwork(nn.Module):
    """Crops in, depth maps out, as DepthEstimationNetwork: trunk, decoder, one convolution."""

    mean: Tensor
    std: Tensor

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        self.config = config
        channels, layers = TRUNKS[config.trunk]
        self.trunk = VisionTransformer(channels, layers, config.input_size)
        self.decoder = Decoder(channels, config.input_size // PATCH)
        self.head = DenseHead()
        for name, values in (("mean", IMAGENET_MEAN), ("std", IMAGENET_STD)):
            self.register_buffer(name, 255 * torch.tensor(values)[:, None, None])

    def set_precision(self, dtype: torch.dtype) -> None:
        """Compute trunk and decoder in ``dtype``; the head, and so depth, in float32."""
        self.trunk.to(dtype)
        self.decoder.to(dtype)

    def forward(self, pictures: Num[Tensor, "n 3 side side"]) -> Float[Tensor, "n rows columns"]:
        """The head's output for RGB values 0..255, in the checkpoint's output space."""
        return self.head.answer(self.maps(pictures), pictures.shape[-1] - self.config.input_size)

    def maps(self, pictures: Num[Tensor, "n 3 side side"]) -> tuple[Float[Tensor, "n _ _ _"]]:
        """All below the head: the decoder's one feature map."""
        centred = self.centred(pictures)
        return (self.decoder(centred, self.trunk(centred)),)

    def maps_above(
        self,
        pictures: Num[Tensor, "n 3 side side"],
        known: Float[Tensor, "n taps tokens channels"],
    ) -> tuple[Float[Tensor, "n _ _ _"]]:
        """As ``maps``, without computing what is ``known``: the tokens after the first of TAPS."""
        centred = self.centred(pictures)
        taps = list(known.to(centred.dtype).unbind(dim=1))
        later = self.trunk.after(taps[-1], TAPS[len(taps) - 1])
        return (self.decoder(centred, taps + later),)

    def centred(self, pictures: Num[Tensor, "n 3 side side"]) -> Float[Tensor, "n 3 side side"]:
        """The pictures as the trunk takes them: ImageNet's mean off, its deviation divided out."""
        return ((pictures - self.mean) / self.std).to(self.trunk.patches.weight.dtype)


class FoldedVitNetwork(VitDepthNetwork):
    """The same function for inference; a copy, ``network`` stays as it is.

    The normalisation's scale is folded into the two convolutions that see the crop. Its mean is
    not: the one for the edges adds zeros around the crop after the mean was taken off.
    """

    def __init__(self, network: VitDepthNetwork) -> None:
        nn.Module.__init__(self)
        self.config = network.config
        self.trunk = copy.deepcopy(network.trunk)
        self.decoder = copy.deepcopy(network.decoder)
        self.head = copy.deepcopy(network.head)
        self.register_buffer("mean", network.mean.clone())
        self.eval().requires_grad_(False)
        for convolution in (self.trunk.patches, self.decoder.edges):
            convolution.weight /= network.std[:, 0, 0][:, None, None]

    def centred(self, pictures: Num[Tensor, "n 3 side side"]) -> Float[Tensor, "n 3 side side"]:
        """As VitDepthNetwork.centred, but for the deviation."""
        return (pictures - self.mean).to(self.trunk.patches.weight.dtype)
