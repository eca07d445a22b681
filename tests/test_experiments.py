"""Every shipped recipe can be built, has the size it should have, and trains."""

import difflib
import json
from pathlib import Path

import pytest
import torch
import yaml
from layouts import hmdb51_tree, kinetics_tree, ssv2_tree, ucf101_tree
from omegaconf import OmegaConf
from safetensors.torch import save_file
from test_models_vqgan import PUBLISHED

from vidmask import recipes
from vidmask.checkpoints import build_encoder, save_encoder
from vidmask.cli import main, training
from vidmask.cli.filing import with_recipes
from vidmask.data.moving_shapes.presets import PRESETS
from vidmask.models.vqgan import VQGAN, read_settings

# Parameters that are trained: of the encoder, and of decoder and prediction.
# A block of width d has 12 d² + 13 d. The encoder of all: 4 blocks of width 128 (793,088), tubelets of 384
# numbers embedded (49,280), the last norm (256). A masked autoencoder's decoder: 1 block of width 64
# (49,984), the projection (8,192 and a bias of 64), the norm (128), the mask token (64); the prediction of
# one frame of a tubelet has 12,480, of both 24,960.
ENCODER = 793_088 + 49_280 + 256
DECODER = 49_984 + 8_256 + 128 + 64
ONE_FRAME, BOTH_FRAMES = 12_480, 24_960
# MAM2's regressor: 2 blocks of width 128 (65,920 of attention, 1,024 of norms, 131,712 of MLP), norm (256)
# and mask token (128). Each decoder: projection, block and norm. 128 codes; differences of two frames.
REGRESSOR = 2 * 198_656 + 384
LATENT_DECODER = 8_256 + 49_984 + 128
CODES, DIFFERENCES = 8_320, BOTH_FRAMES
MAM2 = REGRESSOR + 2 * LATENT_DECODER + CODES + DIFFERENCES
# HOG of 3 channels and 9 bins in four cells of a tubelet; flow of one vector a tubelet. MVD's two decoders
# have two blocks, and predict a teacher as wide as the encoder. V-JEPA's average of the encoder is another
# copy, which is not trained, and not counted.
HOG, FLOW, FEATURES = 65 * 4 * 27, 65 * 2, 65 * 128
DEEPER = DECODER + 49_984
# ViT-S: 12 blocks of width 384 (12 d² + 13 d each), tubelets of 1,536 numbers embedded, the last norm. Its
# decoder: 4 blocks of width 256, projection, norm, mask token, and the prediction of one frame of a tubelet.
FOLDER_ENCODER = 12 * (12 * 384**2 + 13 * 384) + 1536 * 384 + 384 + 2 * 384
FOLDER_DECODER = 4 * (12 * 256**2 + 13 * 256) + 384 * 256 + 256 + 512 + 256 + 256 * 768 + 768
PARAMETERS = {
    "compare/mae_st": (ENCODER, DECODER + BOTH_FRAMES),
    "compare/mam2": (ENCODER, MAM2),
    "compare/mam2_appearance": (ENCODER, MAM2 - LATENT_DECODER - DIFFERENCES),
    "compare/mam2_motion": (ENCODER, MAM2 - LATENT_DECODER - CODES),
    "compare/mam2_no_regressor": (ENCODER, MAM2 - REGRESSOR + 128),
    "compare/mam2_shared_decoder": (ENCODER, MAM2 - LATENT_DECODER),
    "compare/videomae": (ENCODER, DECODER + BOTH_FRAMES),
    "folder/mae_st": (FOLDER_ENCODER, FOLDER_DECODER),
    "quickstart/mae_st": (ENCODER, DECODER + BOTH_FRAMES),
    "quickstart/mae_st_flow": (ENCODER, 2 * DECODER + BOTH_FRAMES + FLOW),
    "quickstart/mae_st_motion": (ENCODER, 2 * DECODER + BOTH_FRAMES + DIFFERENCES),
    "quickstart/mae_st_paper": (ENCODER, DECODER + ONE_FRAME),
    "quickstart/mam2": (ENCODER, MAM2),
    "quickstart/mam2_hog": (ENCODER, MAM2 - CODES + HOG),
    "quickstart/maskfeat": (ENCODER, DECODER + HOG),
    "quickstart/motionmae": (ENCODER, 2 * (DECODER + BOTH_FRAMES - 64)),
    "quickstart/mvd": (ENCODER, 2 * (DEEPER + FEATURES)),
    "quickstart/videomae": (ENCODER, DECODER + BOTH_FRAMES - 64),
    "quickstart/videomae_v2": (ENCODER, DECODER + BOTH_FRAMES - 64),
    "quickstart/vjepa": (ENCODER, DEEPER + FEATURES),
}
# As published. MAE-ST's ViT-L, and its pre-training model with a decoder of 4 blocks of width 512
# (facebookresearch/mae_st, built there). VideoMAE's ViT-B: 12 blocks of width 768 without bias of the keys,
# tubelets of 1,536 numbers embedded, the last norm; its decoder: projection without bias, mask token, 4
# blocks of width 384, norm, and the prediction of both frames.
VIT_L, MAE_ST_L = 304_096_256, 317_731_584
VIT_B = 12 * (12 * 768**2 + 13 * 768) + 1536 * 768 + 768 + 2 * 768
VIDEOMAE_B = 768 * 384 + 384 + 4 * (12 * 384**2 + 13 * 384) + 2 * 384 + 384 * 1536 + 1536
# MAM2: a mask token, 4 blocks of the regressor (maps of queries, keys, values and outputs and the MLP, four
# norms, two scales) and its norm; 2 decoders of 4 blocks with two scales each, and a norm; 1,024 codes;
# differences of two frames, of which one lies within a tubelet.
REGRESSOR_B = 768 + 4 * (12 * 768**2 + 8 * 768 + 4 * 2 * 768 + 2 * 768) + 2 * 768
DECODER_B = 4 * (12 * 768**2 + 13 * 768 + 2 * 768) + 2 * 768
MAM2_B = REGRESSOR_B + 2 * DECODER_B + (768 + 1) * 1024 + (768 + 1) * 768
# MaskFeat: 108 numbers a tubelet, where VideoMAE has both frames. V-JEPA's encoder has no class token and
# fixed positions; its predictor: projection, mask token, 12 blocks of width 384, norm, and the prediction of
# features.
VIT_L_PLAIN = 24 * (12 * 1024**2 + 13 * 1024) + 1536 * 1024 + 1024 + 2 * 1024
PREDICTOR = 1025 * 384 + 384 + 12 * (12 * 384**2 + 13 * 384) + 2 * 384 + 385 * 1024
OFFICIAL = {
    "hmdb51/mae_st": (VIT_L, MAE_ST_L - VIT_L),
    "hmdb51/mam2": (VIT_B, MAM2_B),
    "hmdb51/videomae": (VIT_B, VIDEOMAE_B),
    "kinetics400/mae_st": (VIT_L, MAE_ST_L - VIT_L),
    "kinetics400/mam2": (VIT_B, MAM2_B),
    "kinetics400/maskfeat": (VIT_B, VIDEOMAE_B - 385 * 1536 + 385 * 108),
    "kinetics400/motionmae": (VIT_B, 2 * VIDEOMAE_B),
    "kinetics400/videomae": (VIT_B, VIDEOMAE_B),
    "kinetics400/videomae_v2": (VIT_B, VIDEOMAE_B),
    "kinetics400/vjepa": (VIT_L_PLAIN, PREDICTOR),
    "ssv2/mae_st": (VIT_L, MAE_ST_L - VIT_L),
    "ssv2/mam2": (VIT_B, MAM2_B),
    "ssv2/videomae": (VIT_B, VIDEOMAE_B),
    "ucf101/mae_st": (VIT_L, MAE_ST_L - VIT_L),
    "ucf101/mam2": (VIT_B, MAM2_B),
    "ucf101/videomae": (VIT_B, VIDEOMAE_B),
    "unlabelled/mae_st": (VIT_L, MAE_ST_L - VIT_L),
}
# Classifiers. A head has a weight for each pooled number, and a bias, for each class. A fresh norm of the
# mean has two vectors; the encoder's own is then left out, and not trained. Attention pooling of width d: the
# query (d), two norms (4 d), maps of query, value and output with biases (3 d² + 3 d) and of keys without one
# (d²), MLP (8 d² + 5 d). A slice of time is 2 of the 16 frames: 8 means stand in a vector, in a pair's 16.
ATTENTIVE, ATTENTIVE_L = (12 * width**2 + 13 * width for width in (128, 1024))
CLASSIFIERS = {
    "quickstart/arrow_of_time": (0, ATTENTIVE + 129 * 2),
    "quickstart/attentive": (0, ATTENTIVE + 129 * 16),
    "quickstart/clip_order": (0, (2 * 8 * 128 + 1) * 128 + (128 + 1) * 2),
    "quickstart/finetune": (ENCODER - 256, 256 + 129 * 16),
    "quickstart/linear": (0, 129 * 16),
    "quickstart/supervised": (ENCODER - 256, 256 + 129 * 16),
}
# MAE-ST's ViT-B and ViT-H: blocks, tubelets embedded with a bias, the last norm, the class token and its
# position, and positions of 14×14 places and 8 slices.
MAE_ST_B, MAE_ST_H = (
    depth * (12 * width**2 + 13 * width) + 1536 * width + (1 + 2 + 2 + 196 + 8) * width
    for width, depth in ((768, 12), (1280, 32))
)
VIDEOMAE_FRESH = {classes: (VIT_B - 2 * 768, 2 * 768 + 769 * classes) for classes in (51, 101, 174, 400)}
OFFICIAL_CLASSIFIERS = {
    "hmdb51/mam2_finetune": VIDEOMAE_FRESH[51],
    "hmdb51/videomae_finetune": VIDEOMAE_FRESH[51],
    "kinetics400/attentive": (0, ATTENTIVE_L + 1025 * 400),
    "kinetics400/linear": (0, 1025 * 400),
    "kinetics400/mae_st_finetune_base": (MAE_ST_B, 769 * 400),
    "kinetics400/mae_st_finetune_huge": (MAE_ST_H, 1281 * 400),
    "kinetics400/mae_st_finetune_large": (VIT_L, 1025 * 400),
    "kinetics400/mam2_finetune": VIDEOMAE_FRESH[400],
    "kinetics400/supervised_base": (MAE_ST_B, 769 * 400),
    "kinetics400/videomae_finetune": VIDEOMAE_FRESH[400],
    "ssv2/attentive": (0, ATTENTIVE_L + 1025 * 174),
    "ssv2/mam2_finetune": VIDEOMAE_FRESH[174],
    "ssv2/videomae_finetune": VIDEOMAE_FRESH[174],
    "ucf101/mam2_finetune": VIDEOMAE_FRESH[101],
    "ucf101/videomae_finetune": VIDEOMAE_FRESH[101],
}
# What their headers work out: clips of a step, the peak learning rate that follows, epochs of clips.
STEPS = {
    "hmdb51/mam2_finetune": (256, 2.5e-4, 200),
    "hmdb51/videomae_finetune": (256, 2.5e-4, 200),
    "kinetics400/attentive": (256, 1e-3, 20),
    "kinetics400/linear": (2048, 0.8, 90),
    "kinetics400/mae_st_finetune_base": (512, 9.6e-3, 150),
    "kinetics400/mae_st_finetune_huge": (256, 4.8e-3, 75),
    "kinetics400/mae_st_finetune_large": (512, 4.8e-3, 100),
    "kinetics400/mam2_finetune": (768, 7.5e-4, 150),
    "kinetics400/supervised_base": (512, 1.6e-3, 400),
    "kinetics400/videomae_finetune": (768, 7.5e-4, 150),
    "ssv2/attentive": (256, 1e-3, 20),
    "ssv2/mam2_finetune": (768, 7.5e-4, 60),
    "ssv2/videomae_finetune": (768, 7.5e-4, 60),
    "ucf101/mam2_finetune": (256, 2.5e-4, 200),
    "ucf101/videomae_finetune": (256, 2.5e-4, 200),
}
TREES = {"hmdb51": hmdb51_tree, "kinetics400": kinetics_tree, "ssv2": ssv2_tree, "ucf101": ucf101_tree}
TOKENIZERS = {"compare/tokenizer": 334_819, "quickstart/tokenizer": 334_819}


class Building(training.TrainingCLI):
    """Builds the parts and does nothing with them."""

    def _run_subcommand(self, subcommand: str) -> None: ...


def test_every_recipe_has_its_number_here():
    named = [*PARAMETERS, *OFFICIAL, *CLASSIFIERS, *OFFICIAL_CLASSIFIERS, *TOKENIZERS]
    assert sorted(named) == recipes.names()
    assert OFFICIAL_CLASSIFIERS.keys() == STEPS.keys()


def built(name, tmp_path, *more):
    """Build what a recipe names, with the model on the meta device."""
    words, paths = with_recipes(["fit", "--config", name, "--run.root", str(tmp_path), *more])
    with torch.device("meta"):
        return Building(words, paths, ["fit"])


def trained_parameters(model):
    """Return how many parameters of the encoder are trained, and how many others."""
    total = sum(parameter.numel() for parameter in model.parameters() if parameter.requires_grad)
    encoder = sum(parameter.numel() for parameter in model.encoder.parameters() if parameter.requires_grad)
    return encoder, total - encoder


@pytest.mark.parametrize("name", PARAMETERS)
def test_a_recipe_builds_a_model_of_its_size(name, tmp_path, moving_shapes, teachers):
    cli = built(name, tmp_path, *source_of(name, moving_shapes), *teachers(name))
    assert all(parameter.is_meta for parameter in cli.model.parameters())
    assert trained_parameters(cli.model) == PARAMETERS[name]
    assert all(head.weight > 0 for head in cli.model.objective.heads.values())


@pytest.mark.parametrize("name", PARAMETERS)
def test_a_recipe_trains_for_two_steps(name, tmp_path, moving_shapes, tokenizer_recipe, teachers):
    if name.endswith("_flow"):
        pytest.importorskip("cv2")
    # The same callbacks stand in all of them, and cost more than the steps.
    more = [] if name == "quickstart/mae_st" else ["--trainer.callbacks", "null"]
    more += [*tokenizer_of(name, tokenizer_recipe), *teachers(name)]
    losses = two_steps(name, tmp_path, moving_shapes, *more)
    assert len(losses) == 2
    assert all(loss is not None and loss > 0 for loss in losses)


@pytest.fixture(scope="module")
def teachers(tmp_path_factory):
    """Return the options that name two teachers as wide as the quick-start's encoder, of one block each."""
    paths = {head: tmp_path_factory.mktemp("teachers") / f"{head}.safetensors" for head in ("image", "video")}
    part = recipes.folder() / "quickstart" / "parts" / "encoder.yaml"
    settings = yaml.safe_load(part.read_text())["init_args"] | {"depth": 1}
    for path in paths.values():
        config = {"class_path": "vidmask.VideoViT", "init_args": settings}
        save_encoder(path, build_encoder(config), config)

    def options(name):
        if name != "quickstart/mvd":
            return []
        return [f"--model.objective.heads.{head}.target.teacher.path={path}" for head, path in paths.items()]

    return options


def test_without_a_teacher_s_file_it_is_asked_for(tmp_path, capsys):
    assert main(["fit", "--config", "quickstart/mvd", "--run.root", str(tmp_path)]) == 2
    assert "FrozenTeacher needs 'path'" in capsys.readouterr().err.splitlines()[0]


def test_a_teacher_s_momentum_reaches_its_end_with_the_run():
    settings = settings_of("quickstart/vjepa")
    trainer, data = (
        yaml.safe_load((recipes.folder() / "quickstart" / settings[part]).read_text())
        for part in ("trainer", "data")
    )
    head = settings["model"]["init_args"]["objective"]["init_args"]["head"]["init_args"]
    teacher = head["target"]["init_args"]["teacher"]["init_args"]
    num_batches = PRESETS[data["source"]["init_args"]["preset"]].num_train // data["batch_size"]
    assert teacher["ramp_steps"] == trainer["max_epochs"] * num_batches


@pytest.fixture(scope="module")
def official(tmp_path_factory):
    """Return the folder of a miniature of a recipe's data set."""
    made = {}

    def folder(name):
        data_set = name.partition("/")[0]
        if data_set not in made:
            # Videos without labels are those of Kinetics, whose folders then mean nothing.
            tree = TREES.get(data_set, kinetics_tree)
            made[data_set] = tree(tmp_path_factory.mktemp(data_set))
        return made[data_set]

    return folder


@pytest.fixture(scope="module")
def published(tmp_path_factory):
    """Return the options that name a published tokenizer of 16×16 pixels: its settings, and small weights."""
    folder = tmp_path_factory.mktemp("published")

    def options(name, **layers):
        if not name.endswith("/mam2"):
            return []
        params = PUBLISHED["model"]["params"]
        params = params | {"ddconfig": params["ddconfig"] | layers}
        OmegaConf.save({"model": PUBLISHED["model"] | {"params": params}}, folder / "model.yaml")
        weights = VQGAN(**read_settings(folder / "model.yaml")).state_dict() if layers else {}
        save_file(weights, folder / "model.safetensors")
        files = {"config": folder / "model.yaml", "checkpoint": folder / "model.safetensors"}
        return [f"--model.objective.appearance.target.tokenizer.{key}={file}" for key, file in files.items()]

    return options


def settings_of(name):
    """Return the settings of a recipe, or of the one that stands for all of them."""
    return yaml.safe_load(where_the_settings_stand(name).read_text())


def where_the_settings_stand(name):
    """Return the recipe's own file, or that of the recipe that it names."""
    path = recipes.find(name)
    own = yaml.safe_load(path.read_text())
    if "config" not in own:
        return path
    # What it said beside would put out parts of the other's sections.
    assert list(own) == ["config"]
    return path.parent / own["config"]


ON_ONE_CPU = ["--trainer.accelerator", "cpu", "--trainer.devices", "1"]


@pytest.mark.parametrize("name", OFFICIAL)
def test_a_recipe_of_a_published_data_set_builds_model_and_data(name, tmp_path, official, published):
    cli = built(name, tmp_path, "--data.root", str(official(name)), *ON_ONE_CPU, *published(name))
    assert trained_parameters(cli.model) == OFFICIAL[name]
    data = cli.datamodule
    assert len(data.source.split("train")) == (8 - 1 if name.startswith("unlabelled") else 4)
    assert (data.frames, data.size) == (16, 224)
    assert settings_of(name)["trainer"]["accelerator"] == "gpu"
    # Left and right are labels of Something-Something, and VideoMAE mirrors nothing.
    mirrors = name.endswith(("/mae_st", "/maskfeat", "/vjepa"))
    assert (data.flip > 0) == (mirrors and not name.startswith("ssv2/"))


TRAINED = [
    *("kinetics400/mae_st", "ssv2/videomae", "ucf101/mam2", "unlabelled/mae_st"),
    *("kinetics400/maskfeat", "kinetics400/motionmae", "kinetics400/videomae_v2", "kinetics400/vjepa"),
]


@pytest.mark.parametrize("name", TRAINED)
def test_a_recipe_of_a_published_data_set_trains_when_it_is_made_small(name, tmp_path, official, published):
    args = [
        *("fit", "--config", name, "--data.root", str(official(name)), "--run.root", str(tmp_path)),
        *("--model.encoder.embed_dim", "24", "--model.encoder.depth", "1", "--model.encoder.num_heads", "2"),
        *("--model.encoder.size", "32", "--data.batch_size", "4", "--data.num_workers", "0", *ON_ONE_CPU),
        *("--trainer.max_steps", "1", "--trainer.log_every_n_steps", "1", "--trainer.callbacks", "null"),
        *("--trainer.accumulate_grad_batches", "1"),
        *published(name, ch=32, z_channels=32),
    ]
    if name.endswith("/mam2"):
        args += [f"--model.objective.{part}.num_heads=2" for part in ("regressor", *DECODERS)]
    assert main(args) == 0
    lines = (tmp_path / name / "latest" / "metrics.jsonl").read_text().splitlines()
    losses = [line["train/loss"] for line in map(json.loads, lines) if "train/loss" in line]
    assert len(losses) == 1
    assert losses[0] > 0


DECODERS = ("appearance.decoder", "motion.decoder")


@pytest.mark.parametrize("name", [*OFFICIAL, *OFFICIAL_CLASSIFIERS])
def test_without_a_root_it_is_asked_for(name, tmp_path, capsys):
    assert main(["fit", "--config", name, "--run.root", str(tmp_path), *ON_ONE_CPU]) == 2
    lines = capsys.readouterr().err.splitlines()
    source = settings_of(name)["data"]["source"]["class_path"]
    assert lines[0] == f"vidmask: {source} needs the folder of the videos"
    assert str(where_the_settings_stand(name)) in lines[1]
    assert lines[2:] == ["  give --data.root DIR"]


def clips_of_a_step(settings):
    """Return the clips of an optimizer step on the devices of a recipe."""
    trainer = settings["trainer"]
    return settings["data"]["batch_size"] * trainer["devices"] * trainer.get("accumulate_grad_batches", 1)


@pytest.mark.parametrize("name", [*OFFICIAL, *OFFICIAL_CLASSIFIERS])
def test_a_recipe_that_was_not_run_says_so(name):
    text = recipes.find(name).read_text()
    assert "# Not run here" in text
    settings = settings_of(name)
    step = clips_of_a_step(settings)
    told = " ".join(line.lstrip("# ") for line in text.splitlines())
    # The learning rate follows the clips of a step, or belongs to their number.
    kept = "; else the" if "lr_per" in settings["model"]["init_args"] else ", which the"
    assert f"accumulate_grad_batches at {step}{kept} learning rate" in told


@pytest.mark.parametrize("name", CLASSIFIERS)
def test_a_classifier_s_recipe_builds_a_model_of_its_size(name, tmp_path, moving_shapes):
    cli = built(name, tmp_path, *source_of(name, moving_shapes))
    assert trained_parameters(cli.model) == CLASSIFIERS[name]
    # No video of MovingShapes has fewer frames: past the end the last one would stand still.
    assert (cli.model.frames - 1) * cli.datamodule.sampling.stride_frames < 32


@pytest.mark.parametrize("name", CLASSIFIERS)
def test_a_classifier_s_recipe_trains_for_two_steps(name, tmp_path, moving_shapes):
    # Of so few videos some classes are in one split alone.
    more = ["--model.unseen_classes", "keep", "--trainer.num_sanity_val_steps", "0"]
    if settings_of(name)["model"]["init_args"]["pooling"]["class_path"] == "AttentivePooling":
        more += ["--model.pooling.num_heads", "2"]
    losses = two_steps(name, tmp_path, moving_shapes, *more)
    assert len(losses) == 2
    assert all(loss > 0 for loss in losses)


@pytest.mark.parametrize("name", OFFICIAL_CLASSIFIERS)
def test_a_classifier_s_recipe_of_a_published_data_set_builds_model_and_data(name, tmp_path, official):
    cli = built(name, tmp_path, "--data.root", str(official(name)), *ON_ONE_CPU)
    assert trained_parameters(cli.model) == OFFICIAL_CLASSIFIERS[name]
    data, (data_set, _, recipe) = cli.datamodule, name.partition("/")
    assert (data.frames, data.size) == (16, 224)
    # Kinetics' views are those of each protocol.
    clips = {"kinetics400": {"attentive": 8, "mam2_finetune": 5, "videomae_finetune": 5}, "ssv2": {}}
    expected = clips.get(data_set, {}).get(recipe, {"kinetics400": 7, "ssv2": 2}.get(data_set, 5))
    assert (data.test_clips, data.test_crops) == (expected, 3)
    # Left and right are labels of Something-Something, and V-JEPA's probe mirrors nothing.
    assert data.flip == (0.0 if data_set == "ssv2" or recipe == "attentive" else 0.5)
    settings = settings_of(name)
    step, peak, epochs = STEPS[name]
    options = settings["model"]["init_args"]
    assert settings["trainer"]["accelerator"] == "gpu"
    assert settings["trainer"]["max_epochs"] == epochs
    assert clips_of_a_step(settings) == step
    assert options["lr"] * step / options.get("lr_per", step) == pytest.approx(peak)


@pytest.mark.parametrize("name", OFFICIAL_CLASSIFIERS)
def test_a_classifier_s_recipe_of_a_published_data_set_trains_when_it_is_made_small(name, tmp_path, official):
    args = [
        *("fit", "--config", name, "--data.root", str(official(name)), "--run.root", str(tmp_path)),
        *("--model.encoder.embed_dim", "24", "--model.encoder.depth", "1", "--model.encoder.num_heads", "2"),
        *("--model.encoder.size", "32", "--data.batch_size", "4", "--data.num_workers", "0", *ON_ONE_CPU),
        *("--model.classes", "{class: 2}", "--model.unseen_classes", "keep"),
        *("--trainer.max_steps", "2", "--trainer.accumulate_grad_batches", "1"),
        *("--trainer.log_every_n_steps", "1", "--trainer.callbacks", "null"),
    ]
    if name.endswith("/attentive"):
        args += ["--model.pooling.num_heads", "2"]
    assert main(args) == 0
    lines = (tmp_path / name / "latest" / "metrics.jsonl").read_text().splitlines()
    losses = [line["train/loss"] for line in map(json.loads, lines) if "train/loss" in line]
    assert len(losses) == 2
    assert all(loss > 0 for loss in losses)


def test_mam2_is_fine_tuned_as_videomae_is(tmp_path, official):
    for data_set in TREES:
        assert settings_of(f"{data_set}/mam2_finetune") == settings_of(f"{data_set}/videomae_finetune")
    # Its recipe names the other, of which nothing is lost.
    root = ["--data.root", str(official("kinetics400/mam2_finetune")), *ON_ONE_CPU]
    configs = [
        built(f"kinetics400/{name}_finetune", tmp_path, *root).filing.config for name in ("mam2", "videomae")
    ]
    assert configs[0] == configs[1]
    assert "config" not in configs[0]


ABLATIONS = ("appearance: null", "motion: null", "regressor: null", "shared_decoder: true", "align: 2.0")


@pytest.mark.parametrize("line", ABLATIONS)
def test_one_line_takes_a_part_of_mam2_away(line, tmp_path, moving_shapes, tokenizer_recipe):
    """The line stands in a recipe of its own, which changes the other."""
    (tmp_path / "mine.yaml").write_text(f"model: {{init_args: {{objective: {{init_args: {{{line}}}}}}}}}")
    tokenizer = [] if "appearance" in line else tokenizer_of("quickstart/mam2", tokenizer_recipe)
    more = ["--config", str(tmp_path / "mine.yaml"), "--trainer.callbacks", "null", *tokenizer]
    assert len(two_steps("quickstart/mam2", tmp_path, moving_shapes, *more)) == 2


def tokenizer_of(name, recipe):
    """Let an objective that predicts codes take the small tokenizer."""
    option = "--model.objective.appearance.target.tokenizer.recipe"
    coded = "mam2" in name and not name.endswith(("_motion", "_hog"))
    return [option, str(recipe)] if coded else []


def source_of(name, moving_shapes):
    """Let a recipe read few videos, of the kind of source that it names."""
    if name.startswith("folder/"):
        return ["--data.root", str(moving_shapes / "train")]
    return [
        *("--data.source.root", str(moving_shapes), "--data.source.preset", "easy"),
        *(
            f"--data.source.num_{split}={number}"
            for split, number in (("train", 16), ("val", 4), ("test", 4))
        ),
    ]


def two_steps(name, tmp_path, moving_shapes, *more):
    """Train a recipe on little, and return its losses."""
    args = [
        *("fit", "--config", name, "--run.root", str(tmp_path), "--trainer.accelerator", "cpu", *more),
        *source_of(name, moving_shapes),
        *("--data.batch_size", "4", "--data.num_workers", "0"),
        *("--model.encoder.embed_dim", "24", "--model.encoder.depth", "1", "--model.encoder.num_heads", "2"),
        *("--trainer.max_steps", "2", "--trainer.log_every_n_steps", "1"),
    ]
    assert main(args) == 0
    lines = (tmp_path / name / "latest" / "metrics.jsonl").read_text().splitlines()
    return [line["train/loss"] for line in map(json.loads, lines) if "train/loss" in line]


@pytest.mark.parametrize("name", TOKENIZERS)
def test_a_tokenizer_s_recipe_builds_a_vqgan_of_its_size(name, tmp_path):
    path = recipes.find(name)
    with torch.device("meta"):
        cli = Building(["fit", "--config", str(path), "--run.root", str(tmp_path)], [path], ["fit"])
    assert sum(parameter.numel() for parameter in cli.model.parameters()) == TOKENIZERS[name]


COMPARED = [name for name in PARAMETERS if name.startswith("compare/")]


@pytest.mark.parametrize("name", COMPARED)
def test_what_is_compared_shares_encoder_data_and_trainer(name):
    recipe = yaml.safe_load(recipes.find(name).read_text())
    assert recipe["trainer"] == "parts/trainer.yaml"
    assert recipe["data"] == "parts/data.yaml"
    assert recipe["model"]["init_args"]["encoder"] == "parts/encoder.yaml"


@pytest.mark.parametrize("name", [name for name in COMPARED if name.startswith("compare/mam2_")])
def test_a_variant_of_mam2_differs_from_it_in_one_line(name):
    lines, variant = (
        [line for line in recipes.find(recipe).read_text().splitlines() if not line.startswith("#")]
        for recipe in ("compare/mam2", name)
    )
    changed = [line for line in difflib.ndiff(lines, variant) if line.startswith("+ ")]
    assert len(changed) == 1


def test_every_recipe_says_where_it_comes_from_and_how_it_is_run():
    for name in recipes.names():
        comments = [
            line for line in Path(recipes.find(name)).read_text().splitlines() if line.startswith("#")
        ]
        assert any(f"vidmask fit --config {name}" in line for line in comments), name
        assert any("arXiv" in line for line in comments), name
