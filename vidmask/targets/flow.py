"""Motion as the target: optical flow, averaged over cells."""

import math
from typing import Any, Literal

import torch
import torch.nn.functional as F
from einops import rearrange
from jaxtyping import Float, Int
from torch import Tensor

from vidmask.choices import checked_choice
from vidmask.models.flow import FlowEstimator
from vidmask.models.vit import VideoViT
from vidmask.targets.base import Target, check_several_slices, nearest_visible
from vidmask.targets.file_identity import FileIdentity
from vidmask.tokens import ClipBatch, TokenGrid, TokenMask, Tubelet, patchify

FlowSpan = Literal["within", "next", "between"]


class OpticalFlowTarget(Target):
    """How far, and where to, the pixels of each masked tubelet move: the mean flow of each cell.

    The flow is estimated on the whole frame; a token's depends on pixels of its neighbours.

    Args:
        flow: What estimates it. It is no part of the model: not trained, and not in checkpoints, where the
            hash of its file stands.
        cell: Pixels of a side of a cell; must divide the rows and the columns of a tubelet. None: one cell
            a token.
        scale: Factor of the flow in pixels per frame. Losses grow with its square.
        span: Between which frames the flow is taken.
            ``within`` the tubelet, from each frame to the one after it: of tubelets of two frames one flow.
            ``next``: from each frame to the one after it, also where that lies in the next tubelet.
            ``between`` tubelets: from the first frame of each to the first of the next, divided by the
            frames that lie between: one flow a tubelet, and the larger steps that slow motion needs.
            Where the clip has no later frame, the flow is 0.

    Raises:
        ValueError: If ``cell`` or ``scale`` is out of range, or ``span`` is none of those above.

    Source: MME (arXiv 2210.06096), whose published code has flow among its targets of motion. Deviation:
    cells, spans and the scale are ours; the flow is worked out while training, of the clip as it was
    augmented, so that crops, resizing and flips need no care.
    """

    measured = ("endpoint_error",)
    pictured = "optical flow (red to the right, cyan to the left, the deeper the faster)"

    def __init__(
        self,
        flow: FlowEstimator,
        cell: int | None = None,
        scale: float = 1.0,
        span: FlowSpan = "within",
    ) -> None:
        super().__init__()
        checked_choice("span", span, FlowSpan)
        if cell is not None and cell < 1:
            raise ValueError(f"cell of OpticalFlowTarget must be at least 1 px, or null, got {cell}")
        if scale <= 0:
            raise ValueError(f"scale of OpticalFlowTarget must be above 0, got {scale}")
        self.flow = flow
        self.cell = cell
        self.scale = scale
        self.span: FlowSpan = span
        self._identity = FileIdentity("flow_sha256", "flow estimator")

    def prepare(self) -> None:
        """Make sure that what the estimator needs is there."""
        self.flow.prepare()

    def load(self) -> None:
        """Read the estimator's weights, if it has any.

        Raises:
            ValueError: If the checkpoint of the model was made with another estimator.
        """
        self._identity.note(self.flow.load())

    def follow(self, encoder: VideoViT) -> None:
        """Check that there is something to predict.

        Raises:
            ValueError: If the span lies between tubelets, of which a clip has one in time.
        """
        if self.span == "between":
            check_several_slices(encoder, "OpticalFlowTarget")

    def num_outputs(self, tubelet: Tubelet) -> int:
        """Return two numbers for each cell and flow of a tubelet.

        Raises:
            ValueError: If cells do not fill a tubelet, or a span within it holds no flow.
        """
        cells = self._cells(tubelet)
        return 2 * cells.frames * cells.rows * cells.columns

    def forward(
        self, batch: ClipBatch, indices: Int[Tensor, "b m"], tubelet: Tubelet
    ) -> Float[Tensor, "b m p"]:
        """Return the flows as (flow, row of cells, column of cells, x and y), in pixels per frame × scale."""
        return patchify(self._answers(batch.clips, tubelet), self._cells(tubelet), indices)

    def measures(
        self, prediction: Float[Tensor, "b m p"], answer: Float[Tensor, "b m p"]
    ) -> dict[str, Float[Tensor, ""]]:
        """Return ``endpoint_error``, the mean distance from the true flow of a cell, in pixels per frame."""
        apart = (prediction.float() - answer.float()).unflatten(-1, (-1, 2)) / self.scale
        return {"endpoint_error": apart.norm(dim=-1).mean()}

    def baselines(
        self, batch: ClipBatch, mask: TokenMask, grid: TokenGrid, tubelet: Tubelet
    ) -> dict[str, Float[Tensor, ""]]:
        """Return losses and end-point errors of two trivial answers.

        ``no_motion`` says that nothing moves; ``copy_nearest`` answers with the nearest visible tubelet.
        """
        answers, cells = self._answers(batch.clips, tubelet), self._cells(tubelet)
        answer = patchify(answers, cells, mask.masked)
        trivial = {
            "no_motion": torch.zeros_like(answer),
            "copy_nearest": patchify(answers, cells, nearest_visible(mask, grid)),
        }
        losses = {name: self.loss(given, answer) for name, given in trivial.items()}
        errors = {
            f"endpoint_error/{name}": self.measures(given, answer)["endpoint_error"]
            for name, given in trivial.items()
        }
        return losses | errors

    @torch.no_grad()
    def fields(self, clips: Float[Tensor, "b 3 t h w"], tubelet: Tubelet) -> Float[Tensor, "b 2 s h w"]:
        """Return the flow of every pixel of whole clips, in pixels per frame, not scaled."""
        if self.span == "within":
            flows = self._cells(tubelet).frames
            tubelets = rearrange(clips, "b c (t u) h w -> (b t) c u h w", u=tubelet.frames)
            return rearrange(self.flow(tubelets), "(b t) c u h w -> b c (t u) h w", b=len(clips), u=flows)
        if self.span == "between":
            found = self.flow(clips[:, :, :: tubelet.frames]) / tubelet.frames
        else:
            found = self.flow(clips)
        still = found.new_zeros(len(clips), 2, 1, *clips.shape[3:])
        return torch.cat([found, still], dim=2)

    def picture(
        self,
        values: Float[Tensor, "b n p"],
        answers: Float[Tensor, "b n p"],
        grid: TokenGrid,
        tubelet: Tubelet,
    ) -> Float[Tensor, "b 3 s h w"]:
        """Paint the flow of each cell: the hue is where to, the saturation how fast; white stands still.

        The full colour is a speed that one cell of fifty of the answers passes: one outlier would leave the
        others pale.
        """
        speeds = self._flow(answers, grid, tubelet).norm(dim=1).flatten()
        fastest = speeds.kthvalue(math.ceil(0.98 * len(speeds))).values
        colours = flow_colours(self._flow(values, grid, tubelet), fastest)
        rows, columns = self._cell_size(tubelet)
        return colours.repeat_interleave(rows, dim=-2).repeat_interleave(columns, dim=-1)

    def _flow(
        self, values: Float[Tensor, "b n p"], grid: TokenGrid, tubelet: Tubelet
    ) -> Float[Tensor, "b 2 s y x"]:
        """Return the flow of each cell, in pixels per frame."""
        cells = self._cells(tubelet)
        return rearrange(
            values.float() / self.scale,
            "b (t h w) (u p q c) -> b c (t u) (h p) (w q)",
            **{"t": grid.time, "h": grid.rows, "w": grid.columns},
            **{"u": cells.frames, "p": cells.rows, "q": cells.columns},
        )

    def get_extra_state(self) -> dict[str, Any]:
        """Return the hash of the estimator's file, which goes into checkpoints in place of its weights."""
        return self._identity.state()

    def set_extra_state(self, state: dict[str, Any]) -> None:
        """Note the hash that a checkpoint asks for.

        Raises:
            ValueError: If the estimator is loaded and is another.
        """
        self._identity.restore(state)

    def _answers(
        self, clips: Float[Tensor, "b 3 t h w"], tubelet: Tubelet
    ) -> Float[Tensor, "b 2 s rows columns"]:
        self._cells(tubelet)
        fields = self.fields(clips, tubelet).float()
        means = F.avg_pool2d(fields.flatten(1, 2), self._cell_size(tubelet))
        return means.unflatten(1, (2, -1)) * self.scale

    def _cell_size(self, tubelet: Tubelet) -> tuple[int, int]:
        return (tubelet.rows, tubelet.columns) if self.cell is None else (self.cell, self.cell)

    def _cells(self, tubelet: Tubelet) -> Tubelet:
        """Return the size of a tubelet in flows and in cells."""
        rows, columns = self._cell_size(tubelet)
        if tubelet.rows % rows or tubelet.columns % columns:
            largest = math.gcd(tubelet.rows, tubelet.columns)
            raise ValueError(
                f"OpticalFlowTarget's cell of {self.cell} px does not divide a tubelet of {tubelet.rows}×"
                f"{tubelet.columns} px: cell must divide both sides, such as {largest}"
            )
        if self.span == "within" and tubelet.frames < 2:
            raise ValueError(
                "a tubelet of one frame holds no flow: set OpticalFlowTarget's span to 'next' or 'between'"
            )
        flows = {"within": tubelet.frames - 1, "next": tubelet.frames, "between": 1}[self.span]
        return Tubelet(flows, tubelet.rows // rows, tubelet.columns // columns)


def flow_colours(
    flow: Float[Tensor, "b 2 s h w"], fastest: Float[Tensor, ""] | float
) -> Float[Tensor, "b 3 s h w"]:
    """Paint flow by a wheel of colours: white stands still, right is red, down yellow-green, left cyan.

    Args:
        flow: To the right, and down.
        fastest: Speed of the full colour; what lies beyond is cut off.

    Source: the wheel of the Middlebury benchmark (Baker et al., 2011). Deviation: hues go evenly around.
    """
    across, down = flow.unbind(dim=1)
    saturation = (torch.hypot(across, down) / max(float(fastest), 1e-12)).clamp(0, 1)
    sixths = torch.atan2(down, across) * (3 / math.pi)
    # Red is full within a sixth of its place on the wheel and gone beyond two; so are green and blue.
    channels = [((sixths - place + 3) % 6 - 3).abs() for place in (0, 2, 4)]
    return torch.stack([1 - saturation * (apart - 1).clamp(0, 1) for apart in channels], dim=1)
