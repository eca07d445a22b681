"""VideoMAE's loss equals that of transformers' VideoMAEForPreTraining, with the same weights and mask."""

import torch
from test_parity import (
    IMAGENET_MEAN,
    IMAGENET_STD,
    TOLERANCE,
    batch_of,
    mask_of,
    small_videomae,
    with_fused_qkv,
)
from torch import Tensor
from transformers import VideoMAEConfig, VideoMAEForPreTraining

NAMES = {
    "videomae.encoder.layer.": "encoder.blocks.",
    "decoder.decoder_layers.": "head.decoder.blocks.",
    "videomae.embeddings.patch_embeddings.projection": "encoder.patch_embed.proj",
    "videomae.layernorm": "encoder.norm",
    "encoder_to_decoder": "head.decoder.projection",
    "mask_token": "head.decoder.mask_token",
    "decoder.norm": "head.decoder.norm",
    "decoder.head": "head.prediction",
    "attention.attention.query": "attn.q",
    "attention.attention.key": "attn.k",
    "attention.attention.value": "attn.v",
    "attention.output.dense": "attn.proj",
    "intermediate.dense": "mlp.fc1",
    "output.dense": "mlp.fc2",
    "layernorm_before": "norm1",
    "layernorm_after": "norm2",
}


def test_the_loss_is_that_of_transformers() -> None:
    torch.manual_seed(0)
    config = VideoMAEConfig(
        image_size=32,
        num_frames=16,
        hidden_size=48,
        num_hidden_layers=2,
        num_attention_heads=3,
        intermediate_size=192,
        decoder_hidden_size=32,
        decoder_num_hidden_layers=2,
        decoder_num_attention_heads=2,
        decoder_intermediate_size=128,
        layer_norm_eps=1e-6,
        norm_pix_loss=True,
        use_mean_pooling=False,
    )
    theirs = VideoMAEForPreTraining(config).eval()
    # Its last norm has PyTorch's epsilon whatever the configuration says.
    theirs.decoder.norm.eps = 1e-6
    with torch.no_grad():
        for weight in theirs.parameters():
            weight.add_(0.05 * torch.randn_like(weight))
    ours = small_videomae()
    ours.load_state_dict(with_fused_qkv(renamed(theirs.state_dict())))

    clips = torch.rand(2, 3, 16, 32, 32)
    places = torch.stack([torch.randperm(4) < 3 for _ in range(2)])
    hidden = places.repeat(1, 8)
    mean, std = (torch.tensor(values).view(3, 1, 1, 1) for values in (IMAGENET_MEAN, IMAGENET_STD))
    with torch.no_grad():
        expected = theirs(((clips - mean) / std).transpose(1, 2), bool_masked_pos=hidden)
        batch, mask = batch_of(clips), mask_of(hidden.long())
        torch.testing.assert_close(ours(batch, mask)["loss"], expected.loss, **TOLERANCE)
        torch.testing.assert_close(ours.predict(batch, mask)["reconstruction"], expected.logits, **TOLERANCE)


def renamed(weights: dict[str, Tensor]) -> dict[str, Tensor]:
    """Give transformers' weights our names, and the keys the bias of zero that they lack."""
    found = {}
    for key, value in weights.items():
        name = key
        for old, new in NAMES.items():
            name = name.replace(old, new)
        found[name] = value
        if name.endswith("attn.q.bias"):
            found[name.replace("attn.q.", "attn.k.")] = torch.zeros_like(value)
    return found
