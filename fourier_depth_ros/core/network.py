"""The depth estimation network (Lee et al. 2018, sec. 3.1): a ResNet with modified blocks.

It takes crops of its own side, or pictures zoomed to that side plus a multiple of 32. Of those it
answers for the four corners: all below the head is convolutions, which run once on the whole
picture; each corner's windows of the feature maps then go through the head by themselves.
"""

from __future__ import annotations

import copy

import torch
import torchvision
from jaxtyping import Float, Num
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval
from torchvision.models import ResNet

from fourier_depth_ros.config import STRIDE, NetworkConfig
from fourier_depth_ros.core.crops import cut_windows

#: ImageNet statistics of torchvision's weights, for pictures in [0, 1].
IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)
#: Sec. 3.1: channels of the extra paths.
EXTRA_CHANNELS = {"layer3": 8, "layer4": 64}


class ExtraPath(nn.Module):
    """The extra path of a modified block: conv 1x3, ReLU, conv 3x1, ReLU (sec. 3.1).

    'Same' padding, no bias, no batch norm.
    """

    def __init__(self, channels: int, extra_channels: int) -> None:
        super().__init__()
        self.across = nn.Conv2d(channels, extra_channels, (1, 3), padding=(0, 1), bias=False)
        self.down = nn.Conv2d(extra_channels, extra_channels, (3, 1), padding=(1, 0), bias=False)
        for conv in (self.across, self.down):
            nn.init.normal_(conv.weight, std=0.01)

    def forward(self, x: Float[Tensor, "n c h w"]) -> Float[Tensor, "n extra h w"]:
        """The block's output, seen through the extra path."""
        return self.down(self.across(x).relu()).relu()


class Head(nn.Linear):
    """One linear map of all that a crop's feature maps hold; of a zoomed picture, for each corner.

    Args:
        config: of the network.
        strides: of the maps that it sees through extra paths [px].
        features: how many numbers it sees of a crop.
    """

    def __init__(self, config: NetworkConfig, strides: tuple[int, ...], features: int) -> None:
        rows, columns = config.map_size
        super().__init__(features, rows * columns)
        self.map_size = config.map_size
        self.strides = strides
        nn.init.normal_(self.weight, std=0.01)
        nn.init.zeros_(self.bias)

    def features(
        self, maps: tuple[Float[Tensor, "n _ _ _"], ...], beyond: int
    ) -> Float[Tensor, "crops features"]:
        """What it sees of the ``maps`` of pictures: the extra paths, then the average of the last.

        ``beyond`` is how many pixels more the pictures have than a crop's side. Of crops (0) n
        rows; of zoomed pictures 4 n: TL, TR, BL, BR of the first, then of the second.
        """
        *paths, last = (
            cut_windows(each, beyond // stride)
            for each, stride in zip(maps, (*self.strides, STRIDE), strict=True)
        )
        features = (*(path.flatten(1) for path in paths), last.mean(dim=(2, 3)))
        return torch.cat(features, dim=1).to(self.weight.dtype)

    def answer(
        self, maps: tuple[Float[Tensor, "n _ _ _"], ...], beyond: int
    ) -> Float[Tensor, "crops rows columns"]:
        """Its output for the ``maps`` of pictures; see features."""
        return self(self.features(maps, beyond)).unflatten(1, self.map_size)


class DepthEstimationNetwork(nn.Module):
    """Crops in, depth maps out: trunk, extra paths of the modified blocks, one linear head.

    The modified blocks are all of layer4 and the later 4/9 of layer3, rounded up: the last 19
    residual blocks of ResNet-152, as in the paper.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        self.config = config
        self.trunk: ResNet = getattr(torchvision.models, config.trunk)(weights=None)
        # torchvision's classifier gives its place to the head
        pooled = self.trunk.fc.in_features
        del self.trunk.fc
        self.extra = nn.ModuleDict()
        features, strides = pooled, []
        if config.modified:
            for name, index, block in self._modified_blocks():
                channels = _block_channels(block)
                self.extra[f"{name}_{index}"] = ExtraPath(channels, EXTRA_CHANNELS[name])
                strides.append(STRIDE // 2 if name == "layer3" else STRIDE)
                features += EXTRA_CHANNELS[name] * (-(-config.input_size // strides[-1])) ** 2
        self.head = Head(config, tuple(strides), features)
        for name, values in (("mean", IMAGENET_MEAN), ("std", IMAGENET_STD)):
            self.register_buffer(name, 255 * torch.tensor(values)[:, None, None])

    def set_precision(self, dtype: torch.dtype) -> None:
        """Compute trunk and extra paths in ``dtype``; the head, and so depth, in float32."""
        self.trunk.to(dtype)
        self.extra.to(dtype)

    def _modified_blocks(self) -> list[tuple[str, int, nn.Module]]:
        layer3, layer4 = self.trunk.layer3, self.trunk.layer4
        first = len(layer3) - -(-len(layer3) * 4 // 9)
        return [("layer3", i, layer3[i]) for i in range(first, len(layer3))] + [
            ("layer4", i, block) for i, block in enumerate(layer4)
        ]

    def features(self, pictures: Num[Tensor, "n 3 side side"]) -> Float[Tensor, "crops features"]:
        """What the head sees; see Head.features."""
        return self.head.features(self.maps(pictures), self._beyond(pictures))

    def forward(
        self, pictures: Num[Tensor, "n 3 side side"]
    ) -> Float[Tensor, "crops rows columns"]:
        """The head's output for RGB values 0..255, in the checkpoint's output space.

        One map of each crop; of each zoomed picture four: TL, TR, BL, BR.
        """
        return self.head.answer(self.maps(pictures), self._beyond(pictures))

    def maps(self, pictures: Num[Tensor, "n 3 side side"]) -> tuple[Float[Tensor, "n _ _ _"], ...]:
        """All below the head: the extra paths' maps in the trunk's order, then layer4's last."""
        return self._maps((pictures - self.mean) / self.std)

    def _beyond(self, pictures: Tensor) -> int:
        return pictures.shape[-1] - self.config.input_size

    def _maps(self, centred: Float[Tensor, "n 3 side side"]) -> tuple[Tensor, ...]:
        trunk = self.trunk
        x = centred.to(trunk.conv1.weight.dtype)
        x = trunk.maxpool(trunk.relu(trunk.bn1(trunk.conv1(x))))
        x = trunk.layer2(trunk.layer1(x))
        paths = []
        for name in ("layer3", "layer4"):
            for index, block in enumerate(getattr(trunk, name)):
                x = block(x)
                if (key := f"{name}_{index}") in self.extra:
                    paths.append(self.extra[key](x))
        return (*paths, x)


class FoldedNetwork(DepthEstimationNetwork):
    """The same function for inference, with fewer operations; a copy, ``network`` stays as it is.

    Each batch norm is folded into the convolution before it, and the normalisation's scale into the
    first one. Its mean is not: 'same' padding adds zeros after the mean was taken off.
    """

    def __init__(self, network: DepthEstimationNetwork) -> None:
        nn.Module.__init__(self)
        self.config = network.config
        self.trunk = copy.deepcopy(network.trunk).eval()
        self.extra = copy.deepcopy(network.extra)
        self.head = copy.deepcopy(network.head)
        self.register_buffer("mean", network.mean.clone())
        with torch.no_grad():
            _fold_batch_norms(self.trunk)
            self.trunk.conv1.weight /= network.std[:, 0, 0][:, None, None]
        self.requires_grad_(False)

    def maps(self, pictures: Num[Tensor, "n 3 side side"]) -> tuple[Float[Tensor, "n _ _ _"], ...]:
        """As DepthEstimationNetwork.maps."""
        return self._maps(pictures - self.mean)


def _fold_batch_norms(module: nn.Module) -> None:
    """Fold every bnI into its convI, and those of the shortcuts, which are (conv, bn) pairs."""
    for name, child in list(module.named_children()):
        if isinstance(child, nn.BatchNorm2d):
            before = name.replace("bn", "conv") if name.startswith("bn") else "0"
            conv = module.get_submodule(before)
            assert isinstance(conv, nn.Conv2d)
            setattr(module, before, fuse_conv_bn_eval(conv, child))
            setattr(module, name, nn.Identity())
        else:
            _fold_batch_norms(child)


def _block_channels(block: nn.Module) -> int:
    """Output channels of a torchvision BasicBlock or Bottleneck."""
    last = getattr(block, "conv3", block.conv2)
    assert isinstance(last, nn.Conv2d)
    return last.out_channels
