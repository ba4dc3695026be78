"""Names, titles, abbreviations and colours in the report."""

from lung_cxr.diseases import DISEASES
from lung_cxr.experiments import REFERENCE_MODELS, Run

DYNAMIC, TRADITIONAL = "dynamic", "traditional"  # the two strategies of the paper

SYNTHETIC = "Synthetic data, no real patient."

BACKBONE_TITLES = {  # as in the paper
    "xception": "Xception",
    "densenet121": "DenseNet121",
    "efficientnetv2s": "EfficientNetV2S",
    "inceptionv3": "InceptionV3",
    "mobilenet": "MobileNet",
    "resnet50": "ResNet50",
    "vgg16": "VGG16",
}

STRATEGY_COLOURS = {TRADITIONAL: "#0072B2", DYNAMIC: "#E69F00"}  # blue and orange as in Figs. 3 and 4; Okabe-Ito
BASELINE_TITLES = {
    "linear_probe": "the linear probe",
    "two_stage": "two-stage fine-tuning",
    "gradual": "gradual unfreezing",
    "full": "full fine-tuning",
    "lp_ft": "LP-FT",
    "layer_decay": "layer-wise decay",
    "auto_rgn": "Auto-RGN",
    "crt": "cRT",
}
BASELINE_COLOUR = "#CC79A7"  # Okabe-Ito purple

TABLE_TITLES = {  # titles of the paper's tables by dataset
    "table1_distribution": "Images by class and subset",
    "table2_augmentation": "Augmentation",
    "table3_traditional": "Traditional fine-tuning of the top n layers",
    "table4_dynamic": "Dynamic fine-tuning",
    "table5_methods": "Related work",
}

METRIC_TITLES = {"accuracy": "accuracy", "macro_f1": "macro-F1"}

SHORT_DISEASES = dict(
    zip(
        DISEASES,
        ("Pneumonia", "COVID-19", "Tuberculosis", "Effusion", "Pneumothorax", "Edema", "Atelectasis"),
        strict=True,
    )
)


def backbone_title(backbone: str) -> str:
    """Return the name of a backbone as the paper writes it; a backbone that the paper does not use keeps its own."""
    return BACKBONE_TITLES.get(backbone, backbone)


def strategy_title(strategy: str) -> str:
    """Return e.g. "dynamic fine-tuning"."""
    words = strategy.replace("_", " ")
    return BASELINE_TITLES.get(strategy, words if strategy in REFERENCE_MODELS else f"{words} fine-tuning")


def run_title(run: Run) -> str:
    """Return e.g. "MobileNet, dynamic"; further folders in brackets: "MobileNet, traditional (tuned, fold 1)"."""
    names = [*run.backbone.split("/"), run.strategy]
    at = next((place for place, name in enumerate(names[:-1]) if name in BACKBONE_TITLES), len(names) - 2)
    others = ", ".join(name.replace("_", " ") for name in [*names[:at], *names[at + 2 :]])
    title = f"{backbone_title(names[at])}, {names[at + 1].replace('_', ' ')}"
    return f"{title} ({others})" if others else title


def run_name(folder: str) -> str:
    """Return e.g. "MobileNet, dynamic, seed 2024"; the folder itself of what is no run of a backbone.

    Args:
        folder: Folder of the run below 06_models.
    """
    *backbone, strategy, seed = folder.split("/")
    if not backbone or not seed.startswith("seed_"):
        return folder
    return f"{run_title(Run('/'.join(backbone), strategy))}, {seed.replace('_', ' ')}"
