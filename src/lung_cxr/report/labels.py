"""Names, abbreviations and colours as a reader sees them."""

from lung_cxr.diseases import DISEASES
from lung_cxr.experiments import Run

DYNAMIC, TRADITIONAL = "dynamic", "traditional"  # the two that the paper compares

BACKBONE_TITLES = {  # as the paper writes them
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
}
BASELINE_COLOUR = "#CC79A7"  # Okabe-Ito purple

TABLE_TITLES = {  # of the paper's tables, by dataset
    "table1_distribution": "Images by class and subset",
    "table2_augmentation": "Augmentation",
    "table3_traditional": "Traditional fine-tuning, the top n layers unfrozen",
    "table4_dynamic": "Dynamic fine-tuning",
    "table5_methods": "Other studies of chest X-rays",
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
    """Return the backbone's name as the paper writes it, or its own name where it is newer than the paper."""
    return BACKBONE_TITLES.get(backbone, backbone)


def strategy_title(strategy: str) -> str:
    """Return e.g. "dynamic fine-tuning"."""
    return BASELINE_TITLES.get(strategy, f"{strategy.replace('_', ' ')} fine-tuning")


def run_title(run: Run) -> str:
    """Return e.g. "MobileNet, dynamic"."""
    return f"{backbone_title(run.backbone)}, {run.strategy.replace('_', ' ')}"
