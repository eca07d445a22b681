"""Appearance as the target: the codes that a frozen VQGAN, or another tokenizer, gives each patch."""

from typing import Any, Literal

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor

from vidmask.choices import checked_choice
from vidmask.models.dvae import DVAE
from vidmask.models.tokenizers import Tokenizer
from vidmask.models.vqgan import VQGAN, resized
from vidmask.targets.base import Target
from vidmask.targets.file_identity import FileIdentity
from vidmask.tokens import ClipBatch, TokenGrid, TokenMask, Tubelet

CodedFrames = Literal["first", "second", "both"]


class VQGANCodeTarget(Target):
    """The code of each masked token's patch, and the cross-entropy of saying which one it is.

    The tokenizer is a VQGAN, or another model that codes images, such as the dVAE of ``FlavaCodebook``. A
    tubelet has several frames and a code is of one image: ``frames`` says which frame is coded. The
    tokenizer's input is resized so that it gives one code for each patch, as CAE does (224 to 112 pixels for
    a VQGAN of 8×8 pixels a code). On a GPU the VQGAN runs in bfloat16, except for the look-up itself, which
    gives a few per cent of the codes another value. The VQGAN is no part of the model: it is not trained,
    stays in evaluation mode, and is not in checkpoints, where the hash of its file stands.

    Args:
        tokenizer: Where the VQGAN, or what takes its place, comes from.
        frames: Which frame of a tubelet of two is coded: ``first``, ``second`` or ``both``, which makes two
            codes a token. Of longer tubelets ``second`` is the last and ``both`` are the first and the last.
        label_smoothing: Share of the probability that is spread over all codes; in training only, so that
            losses of validation can be held against their trivial answers.

    Raises:
        ValueError: If ``label_smoothing`` lies outside its range, or ``frames`` is none of those above.

    Source: MAM2 (arXiv 2210.05234), whose abstract says that VQGAN codes are the target of appearance.
    Which VQGAN and which frame it does not say. ``first`` is what MaskFeat takes (every second frame);
    BEVT codes both. Deviation: CAE resizes on the host by Lanczos' filter; here clips are resized on the
    device, bilinear and antialiased.
    """

    measured = ("accuracy",)

    def __init__(
        self,
        tokenizer: Tokenizer,
        frames: CodedFrames = "first",
        label_smoothing: float = 0.0,
    ) -> None:
        super().__init__()
        checked_choice("frames", frames, CodedFrames)
        if not 0 <= label_smoothing < 1:
            raise ValueError(f"label_smoothing is a share, from 0 to below 1, got {label_smoothing}")
        self.tokenizer = tokenizer
        self.frames = frames
        self.label_smoothing = label_smoothing
        # In a tuple, so that it is no submodule: not trained, not saved, not put into training mode.
        self._vqgan: tuple[VQGAN | DVAE] | None = None
        self._identity = FileIdentity("tokenizer_sha256", "tokenizer")

    @property
    def num_codes(self) -> int:
        """Return the size of the codebook."""
        return self.tokenizer.num_codes

    @property
    def codes_per_token(self) -> int:
        """Return how many frames of a tubelet are coded."""
        return 2 if self.frames == "both" else 1

    def prepare(self) -> None:
        """Make sure that the tokenizer's weights are there."""
        self.tokenizer.prepare()

    def load(self) -> None:
        """Read the tokenizer's weights.

        Raises:
            ValueError: If the checkpoint of the model was made with another tokenizer.
        """
        if self._vqgan is None:
            vqgan, file_hash = self.tokenizer.load()
            self._vqgan = (vqgan.eval().requires_grad_(False),)
            self._identity.note(file_hash)

    def num_outputs(self, tubelet: Tubelet) -> int:
        """Return one number for each code of the codebook and each coded frame.

        Raises:
            ValueError: If two frames are to be coded of a tubelet that has one.
        """
        if self.frames == "both" and tubelet.frames < 2:
            raise ValueError(
                "a tubelet of one frame has no second one to code: set VQGANCodeTarget's frames to 'first'"
            )
        return self.codes_per_token * self.num_codes

    def forward(
        self, batch: ClipBatch, indices: Int[Tensor, "b m"], tubelet: Tubelet
    ) -> Int[Tensor, "b m f"]:
        """Return the codes of each token, one for each coded frame."""
        codes = self.encode(batch.clips, tubelet).flatten(1, 3)
        return codes.gather(1, indices.unsqueeze(-1).expand(-1, -1, codes.shape[-1]))

    def loss(self, prediction: Float[Tensor, "b m p"], answer: Int[Tensor, "b m f"]) -> Float[Tensor, ""]:
        """Return the mean cross-entropy, in nats, over all tokens and coded frames."""
        logits = self._logits(prediction).float().flatten(0, -2)
        smoothing = self.label_smoothing if self.training else 0.0
        return F.cross_entropy(logits, answer.flatten(), label_smoothing=smoothing)

    def measures(
        self, prediction: Float[Tensor, "b m p"], answer: Int[Tensor, "b m f"]
    ) -> dict[str, Float[Tensor, ""]]:
        """Return ``accuracy``, the share of codes that are the most likely one of the prediction."""
        return {"accuracy": (self.to_codes(prediction) == answer).float().mean()}

    def baselines(
        self, batch: ClipBatch, mask: TokenMask, grid: TokenGrid, tubelet: Tubelet
    ) -> dict[str, Float[Tensor, ""]]:
        """Return the losses of two answers that look at nothing, and the accuracy of a third.

        ``uniform_codes`` gives all codes the same probability, ``log V``; ``unigram_codes`` gives each the
        share that it has among the batch's own answers: their entropy, which lies below that of the whole
        split by as much as batches differ. ``accuracy/most_frequent_code`` is right where the answer is the
        most frequent one.
        """
        answer = self(batch, mask.masked, tubelet)
        shares = torch.bincount(answer.flatten(), minlength=self.num_codes) / answer.numel()
        uniform = torch.tensor(float(self.num_codes), device=answer.device).log()
        return {
            "uniform_codes": uniform,
            "unigram_codes": torch.special.entr(shares).sum(),
            "accuracy/most_frequent_code": shares.max(),
        }

    @torch.no_grad()
    def encode(self, clips: Float[Tensor, "b 3 t h w"], tubelet: Tubelet) -> Int[Tensor, "b _ _ _ f"]:
        """Return the codes of all tokens of the clips."""
        coded = self.select_frames(clips, tubelet)
        vqgan = self.vqgan(clips.device)
        rows, columns = (
            clips.shape[3] // tubelet.rows * vqgan.factor,
            clips.shape[4] // tubelet.columns * vqgan.factor,
        )
        images = resized(coded.transpose(1, 2).flatten(0, 1), (rows, columns))
        with torch.autocast(clips.device.type, torch.bfloat16, enabled=clips.device.type == "cuda"):
            codes = vqgan.encode(images)
        per_frame = codes.unflatten(0, (len(clips), -1))
        return per_frame.unflatten(1, (-1, self.codes_per_token)).movedim(2, -1)

    @torch.no_grad()
    def decode(self, codes: Int[Tensor, "b _ _ _ f"], size: tuple[int, int]) -> Float[Tensor, "b 3 _ h w"]:
        """Return the frames that codes stand for, at ``size`` pixels, one for each coded frame.

        Raises:
            ValueError: If the tokenizer has no decoder.
        """
        if not self.tokenizer.has_decoder:
            raise ValueError(f"{type(self.tokenizer).__name__} has no decoder: its codes make no picture")
        vqgan: Any = self.vqgan(codes.device)
        frames = codes.movedim(-1, 2).flatten(1, 2)
        images = vqgan.decode(frames.flatten(0, 1)).float()
        return resized(images, size).clamp(0, 1).unflatten(0, frames.shape[:2]).transpose(1, 2)

    def to_codes(self, prediction: Float[Tensor, "b m p"]) -> Int[Tensor, "b m f"]:
        """Return the most likely code of each token and coded frame."""
        return self._logits(prediction).argmax(dim=-1)

    def select_frames(
        self, clips: Float[Tensor, "b 3 t h w"], tubelet: Tubelet
    ) -> Float[Tensor, "b 3 s h w"]:
        """Return the frames that are coded."""
        chosen = {"first": [0], "second": [-1], "both": [0, -1]}[self.frames]
        return clips.unflatten(2, (-1, tubelet.frames))[:, :, :, chosen].flatten(2, 3)

    def vqgan(self, device: torch.device) -> VQGAN | DVAE:
        """Return the frozen VQGAN, or what takes its place, on a device."""
        if self._vqgan is None:
            self.load()
        assert self._vqgan is not None
        (vqgan,) = self._vqgan
        if next(vqgan.parameters()).device != device:
            vqgan.to(device)
        return vqgan

    def get_extra_state(self) -> dict[str, Any]:
        """Return the hash of the tokenizer's file, which goes into checkpoints in place of its weights."""
        return self._identity.state()

    def set_extra_state(self, state: dict[str, Any]) -> None:
        """Note the hash that a checkpoint asks for.

        Raises:
            ValueError: If the tokenizer is loaded and is another.
        """
        self._identity.restore(state)

    def _logits(self, prediction: Float[Tensor, "b m p"]) -> Float[Tensor, "b m f v"]:
        return prediction.unflatten(-1, (self.codes_per_token, self.num_codes))
