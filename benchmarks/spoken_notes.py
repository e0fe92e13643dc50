"""286 notes written by hand for `speech.py`: other sentences, names and numbers than those of `spoken_memos.py`."""

from pathlib import Path

from benchmarks.spoken_memos import SpokenMemo
from nlp.values import Context

VISION = Context(
    params={
        "lr": 3e-4,
        "batch_size": 128,
        "dropout": 0.1,
        "weight_decay": 0.05,
        "optimizer": "AdamW",
        "warmup_steps": 500,
        "image_size": 224,
        "mixup_alpha": 0.2,
        "label_smoothing": 0.1,
        "n_layers": 12,
        "patch_size": 16,
        "grad_clip": 1.0,
        "ema_decay": 0.9999,
        "precision": "bf16-mixed",
        "seed": 17,
    },
    metrics={"val_acc": 0.91, "val_loss": 0.31, "train_loss": 0.2, "top5_acc": 0.97, "mAP": 0.41},
    runs=("brave-otter", "vision/42", "vision/57", "vision/108", "quiet-lynx"),
    datasets=("imagenet-1k", "cifar100", "coco"),
    people=("Ines", "Tomas"),
    words=("resnet50", "vit-b-16", "convnext-tiny"),
)
LANGUAGE = Context(
    params={
        "learning_rate": 2e-5,
        "max_seq_len": 2048,
        "lora_rank": 16,
        "lora_alpha": 32,
        "global_batch_size": 512,
        "beta2": 0.95,
        "num_train_epochs": 3,
        "model.name": "llama-2-7b",
        "warmup_ratio": 0.03,
        "gradient_accumulation_steps": 8,
        "temperature": 0.7,
        "top_p": 0.9,
        "max_new_tokens": 256,
    },
    metrics={
        "eval_loss": 1.8,
        "perplexity": 6.2,
        "mmlu_acc": 0.46,
        "tokens_per_second": 14000.0,
        "bleu": 27.0,
    },
    runs=("calm-heron", "lm/7", "lm/19", "lm/214", "amber-fox"),
    datasets=("c4", "gsm8k", "wikitext-103"),
    people=("Yuki",),
    words=("gpt2-xl", "mistral-7b", "qlora"),
)
OTHER = Context(
    params={
        "optimizer.lr": 1e-3,
        "data.batch_size": 64,
        "model.hidden_dim": 256,
        "model.num_heads": 8,
        "gamma": 0.99,
        "entropy_coef": 0.01,
        "clip_range": 0.2,
        "freq_mask": 27,
        "max_depth": 6,
        "n_estimators": 400,
        "subsample": 0.8,
        "tau": 0.005,
    },
    metrics={
        "wer": 0.12,
        "cer": 0.04,
        "val/loss": 0.4,
        "auroc": 0.93,
        "f1_macro": 0.8,
        "episode_reward": 3200.0,
        "rmse": 2.1,
    },
    runs=("rapid-wren", "rl/12", "rl/305", "speech/88"),
    datasets=("librispeech", "common_voice"),
    people=("Dana",),
    words=("conformer", "wav2vec2", "xgboost"),
)
DETECT = Context(
    params={
        "base_lr": 1e-3,
        "imgs_per_gpu": 4,
        "backbone": "swin-tiny",
        "num_queries": 300,
        "nms_threshold": 0.5,
        "drop_path_rate": 0.1,
        "momentum": 0.9,
        "crop_size": 512,
        "ema": True,
        "focal_gamma": 2.0,
        "epochs": 36,
        "clip_grad_norm": 0.1,
        "num_workers": 8,
    },
    metrics={"box_ap": 0.44, "mask_ap": 0.39, "miou": 0.71, "cls_loss": 0.4, "fps": 23.0},
    runs=("lucky-heron", "detect/9", "detect/63", "detect/140", "dusty-pine"),
    datasets=("coco2017", "ade20k", "cityscapes", "objects365"),
    people=("Priya", "Jonas"),
    words=("deformable-detr", "mask2former", "swin-tiny", "convnext-base"),
)
GENERATE = Context(
    params={
        "unet_lr": 1e-4,
        "guidance_scale": 7.5,
        "num_inference_steps": 50,
        "resolution": 512,
        "train_batch_size": 16,
        "max_grad_norm": 1.0,
        "snr_gamma": 5.0,
        "lr_scheduler": "cosine",
        "beta1": 0.9,
        "kl_weight": 1e-6,
        "latent_dim": 4,
        "noise_offset": 0.05,
        "mixed_precision": "fp16",
    },
    metrics={"fid": 12.3, "clip_score": 0.31, "recon_loss": 0.02, "psnr": 27.1, "ssim": 0.88, "lpips": 0.14},
    runs=("silver-moth", "gen/5", "gen/31", "gen/77", "tender-crow"),
    datasets=("laion-aesthetics", "ffhq", "celeba", "imagenet64"),
    people=("Wei", "Sofia"),
    words=("sdxl", "vqgan", "dit-xl-2"),
)
RANK = Context(
    params={
        "lr": 5e-5,
        "embedding_dim": 768,
        "n_negatives": 7,
        "tau": 0.05,
        "max_length": 256,
        "dropout_rate": 0.1,
        "num_leaves": 63,
        "min_child_weight": 5,
        "hidden_layers": 3,
        "weight_decay": 0.01,
        "warmup": 1000,
        "model": "deberta-v3-base",
        "optimizer": "Lion",
        "k_folds": 5,
    },
    metrics={
        "ndcg_at_10": 0.51,
        "mrr": 0.43,
        "recall_at_100": 0.88,
        "val_auc": 0.78,
        "logloss": 0.44,
        "spearman": 0.81,
    },
    runs=("gentle-badger", "rank/3", "rank/46", "rank/210", "noisy-finch"),
    datasets=("msmarco", "trec-dl", "criteo", "movielens-25m"),
    people=("Omar", "Lucia"),
    words=("colbert", "bm25", "lightgbm", "splade", "e5-large"),
)
CONTEXTS = {
    "vision": VISION,
    "language": LANGUAGE,
    "other": OTHER,
    "detect": DETECT,
    "gen": GENERATE,
    "rank": RANK,
}


def spoken_notes() -> list[SpokenMemo]:
    """Each line of `spoken_notes.txt`."""
    lines = Path(__file__).with_suffix(".txt").read_text(encoding="utf-8").splitlines()
    parts = [line.split(" | ") for line in lines if not line.startswith("#")]
    return [
        SpokenMemo(text=text, truth=tuple(truth.split()), context=CONTEXTS[context])
        for context, text, truth in parts
    ]
